# SPDX-License-Identifier: MIT
"""The normative statements of MQTT 5.0 (OASIS Standard, appendix B), in our words.

The number, who has to follow it, and what it says. Who:

  b  the broker
  c  clients, and nothing of it can be seen in the broker
  a  a broker with an exchange of AUTH packets, which ours does not have
"""

SECTIONS = {
    '1.5': 'Data representation',
    '2.1': 'Structure of packets',
    '2.2': 'Variable header',
    '3.1': 'CONNECT',
    '3.2': 'CONNACK',
    '3.3': 'PUBLISH',
    '3.4': 'PUBACK',
    '3.5': 'PUBREC',
    '3.6': 'PUBREL',
    '3.7': 'PUBCOMP',
    '3.8': 'SUBSCRIBE',
    '3.9': 'SUBACK',
    '3.10': 'UNSUBSCRIBE',
    '3.11': 'UNSUBACK',
    '3.12': 'PINGREQ',
    '3.14': 'DISCONNECT',
    '3.15': 'AUTH',
    '4.1': 'Session state',
    '4.2': 'Network connections',
    '4.3': 'Quality of service',
    '4.4': 'Message delivery retry',
    '4.5': 'Message receipt',
    '4.6': 'Message ordering',
    '4.7': 'Topic names and topic filters',
    '4.8': 'Subscriptions',
    '4.9': 'Flow control',
    '4.12': 'Enhanced authentication',
    '4.13': 'Handling errors',
    '6.0': 'WebSocket',
}

TEXT = '''
1.5.4-1 b strings are well-formed UTF-8 without surrogates
1.5.4-2 b strings do not contain U+0000
1.5.4-3 b the bytes EF BB BF are U+FEFF wherever they are, and stay
1.5.5-1 b a variable byte integer takes as few bytes as possible
1.5.7-1 b both strings of a pair are UTF-8 strings
2.1.3-1 b reserved flags have the values that the standard lists
2.2.1-2 b a PUBLISH at QoS 0 has no packet identifier
2.2.1-3 c a client's new packet has an unused packet identifier, not 0
2.2.1-4 b a PUBLISH of the server at QoS 1, 2 has an unused packet identifier, not 0
2.2.1-5 b PUBACK, PUBREC, PUBREL, PUBCOMP have the packet identifier of the PUBLISH
2.2.1-6 b SUBACK, UNSUBACK have the packet identifier of the request
2.2.2-1 b no properties: a property length of 0
3.1.0-1 b the first packet is CONNECT
3.1.0-2 b a second CONNECT is a protocol error
3.1.2-1 b with another protocol name: CONNACK 0x84 at most, then the end
3.1.2-2 b with another version: CONNACK 0x84 at most, then the end
3.1.2-3 b the reserved flag of CONNECT is checked
3.1.2-4 b Clean Start 1 discards a session that there is
3.1.2-5 b Clean Start 0 resumes the session that there is
3.1.2-6 b Clean Start 0 without a session begins a new one
3.1.2-7 b a will is kept with the session
3.1.2-8 b the will is published after the end of the connection and its delay, or of the session
3.1.2-9 b with a Will Flag there are will properties, topic and payload
3.1.2-10 b the will is gone once it is published, or by DISCONNECT 0x00
3.1.2-11 b without Will Flag the will's QoS is 0
3.1.2-12 b a will's QoS is 0, 1 or 2
3.1.2-13 b without Will Flag Will Retain is 0
3.1.2-14 b Will Retain 0: the will is not retained
3.1.2-15 b Will Retain 1: the will is retained
3.1.2-16 b User Name Flag 0: there is no user name
3.1.2-17 b User Name Flag 1: there is a user name
3.1.2-18 b Password Flag 0: there is no password
3.1.2-19 b Password Flag 1: there is a password
3.1.2-20 c a client that is silent sends PINGREQ
3.1.2-21 c a client follows Server Keep Alive
3.1.2-22 b silence for one and a half of the keep alive ends the connection
3.1.2-23 b the session is kept if its expiry interval is not 0
3.1.2-24 b no packet is longer than the client's Maximum Packet Size
3.1.2-25 b a message that is too long for a client is dropped as if it had been delivered
3.1.2-26 b no topic alias above the client's Topic Alias Maximum
3.1.2-27 b Topic Alias Maximum 0 or absent: no topic aliases to the client
3.1.2-28 b Request Response Information 0: no response information
3.1.2-29 b Request Problem Information 0: reasons and user properties in few packets only
3.1.2-30 c a client with an authentication method sends AUTH or DISCONNECT until CONNACK
3.1.3-1 b the payload has client identifier, will, user name and password in this order
3.1.3-2 b the client identifier stands for the session's state
3.1.3-3 b the client identifier comes first, and always
3.1.3-4 b the client identifier is a UTF-8 string
3.1.3-5 b identifiers of 1 to 23 letters and digits are allowed
3.1.3-6 b a client without an identifier is given a unique one
3.1.3-7 b the given identifier is in force, and in CONNACK
3.1.3-8 b a refused identifier: CONNACK 0x85 at most, then the end
3.1.3-9 b a connection within the will's delay: the will is not published
3.1.3-10 b the order of the will's user properties is kept
3.1.3-11 b the will topic is a UTF-8 string
3.1.3-12 b the user name is a UTF-8 string
3.1.4-1 b a CONNECT of the wrong form ends the connection
3.1.4-2 b so does one that other checks refuse
3.1.4-3 b a client that is connected already gets DISCONNECT 0x8E and its end
3.1.4-4 b Clean Start is processed then
3.1.4-5 b CONNACK 0x00 acknowledges
3.1.4-6 b nothing behind a rejected CONNECT is processed
3.2.0-1 b CONNACK comes before all other packets
3.2.0-2 b CONNACK comes once
3.2.2-1 b reserved bits of CONNACK are 0
3.2.2-2 b Clean Start 1: Session Present is 0
3.2.2-3 b Clean Start 0: Session Present tells whether there was a session
3.2.2-4 c a client without the session that the server has closes the connection
3.2.2-5 c a client discards a session that the server does not have
3.2.2-6 b an error's CONNACK has Session Present 0
3.2.2-7 b CONNACK with 0x80 or more is followed by the end
3.2.2-8 b CONNACK's reason codes are those of its table
3.2.2-9 b a server without QoS 1 or 2 says so
3.2.2-10 b and accepts SUBSCRIBE with each QoS all the same
3.2.2-11 b a client's PUBLISH is not above Maximum QoS
3.2.2-12 b a will's QoS above the server's is rejected
3.2.2-13 b a retained will is rejected if nothing is retained
3.2.2-14 b a client does not retain where Retain Available is 0
3.2.2-15 b a client's packets are not longer than Maximum Packet Size
3.2.2-16 b the Assigned Client Identifier is no other session's
3.2.2-17 b a client's topic aliases are not above Topic Alias Maximum
3.2.2-18 b no Topic Alias Maximum: a client sends no alias
3.2.2-19 b no Reason String that makes CONNACK too long
3.2.2-20 b no user properties that make CONNACK too long
3.2.2-21 b Server Keep Alive is used
3.2.2-22 b without it the client's keep alive is
3.3.1-1 b DUP is 1 in what is sent again
3.3.1-2 b DUP is 0 at QoS 0
3.3.1-3 b the DUP flag of a delivery has nothing to do with that of the publisher
3.3.1-4 b the QoS is not 3
3.3.1-5 b RETAIN 1 replaces the topic's retained message
3.3.1-6 b an empty payload removes it
3.3.1-7 b and is not stored itself
3.3.1-8 b RETAIN 0 stores and removes nothing
3.3.1-9 b Retain Handling 0: matching retained messages are sent
3.3.1-10 b Retain Handling 1: only for a new subscription
3.3.1-11 b Retain Handling 2: they are not sent
3.3.1-12 b Retain As Published 0: deliveries have RETAIN 0
3.3.1-13 b Retain As Published 1: deliveries have RETAIN as published
3.3.2-1 b the topic name comes first, a UTF-8 string
3.3.2-2 b the topic name has no wildcards
3.3.2-3 b the topic name of a delivery matches the subscription
3.3.2-4 b the payload format indicator is passed on
3.3.2-5 b an expired message is not delivered any more
3.3.2-6 b the message expiry interval is what is left of it
3.3.2-7 b topic aliases end with the connection
3.3.2-8 b a topic alias is not 0
3.3.2-9 b a client's topic alias is not above Topic Alias Maximum
3.3.2-10 c a client accepts all aliases up to its own maximum
3.3.2-11 b no topic alias above the client's Topic Alias Maximum
3.3.2-12 b all topic aliases up to the server's maximum are accepted
3.3.2-13 b the response topic is a UTF-8 string
3.3.2-14 b the response topic has no wildcards
3.3.2-15 b the response topic is passed on
3.3.2-16 b correlation data is passed on
3.3.2-17 b user properties are passed on
3.3.2-18 b in their order
3.3.2-19 b the content type is a UTF-8 string
3.3.2-20 b the content type is passed on
3.3.4-1 b PUBLISH is answered as its QoS asks for
3.3.4-2 b overlapping subscriptions: delivery at the highest QoS of them
3.3.4-3 b with their subscription identifiers
3.3.4-4 b one copy: with all identifiers
3.3.4-5 b several copies: each with its subscription's
3.3.4-6 b a client's PUBLISH has no subscription identifier
3.3.4-7 b a client has at most Receive Maximum messages unacknowledged
3.3.4-8 c and does not hold back other packets
3.3.4-9 b a server has at most Receive Maximum messages unacknowledged
3.3.4-10 b and does not hold back other packets
3.4.2-1 b PUBACK's reason codes are those of its table
3.4.2-2 b no Reason String that makes PUBACK too long
3.4.2-3 b no user properties that make PUBACK too long
3.5.2-1 b PUBREC's reason codes are those of its table
3.5.2-2 b no Reason String that makes PUBREC too long
3.5.2-3 b no user properties that make PUBREC too long
3.6.1-1 b PUBREL's flags are 2, anything else ends the connection
3.6.2-1 b PUBREL's reason codes are those of its table
3.6.2-2 b no Reason String that makes PUBREL too long
3.6.2-3 b no user properties that make PUBREL too long
3.7.2-1 b PUBCOMP's reason codes are those of its table
3.7.2-2 b no Reason String that makes PUBCOMP too long
3.7.2-3 b no user properties that make PUBCOMP too long
3.8.1-1 b SUBSCRIBE's flags are 2, anything else ends the connection
3.8.3-1 b topic filters are UTF-8 strings
3.8.3-2 b there is at least one topic filter
3.8.3-3 b No Local: nothing that the same client has published
3.8.3-4 b No Local on a shared subscription is a protocol error
3.8.3-5 b reserved bits of the options make SUBSCRIBE malformed
3.8.4-1 b SUBSCRIBE is answered with SUBACK
3.8.4-2 b which has its packet identifier
3.8.4-3 b the same filter replaces the subscription
3.8.4-4 b then with Retain Handling 0 retained messages are sent, and no message is lost
3.8.4-5 b several filters are like several packets with one answer
3.8.4-6 b SUBACK has a reason code per filter
3.8.4-7 b which is the granted QoS, or an error
3.8.4-8 b a delivery has the lower of the message's QoS and the granted one
3.9.2-1 b no Reason String that makes SUBACK too long
3.9.2-2 b no user properties that make SUBACK too long
3.9.3-1 b SUBACK's codes are in the order of the filters
3.9.3-2 b SUBACK's reason codes are those of its table
3.10.1-1 b UNSUBSCRIBE's flags are 2, anything else ends the connection
3.10.3-1 b its topic filters are UTF-8 strings
3.10.3-2 b there is at least one
3.10.4-1 b filters are compared by character, the one that is equal is deleted
3.10.4-2 b nothing more is added for the client
3.10.4-3 b what was begun at QoS 1, 2 is brought to its end
3.10.4-4 b UNSUBSCRIBE is answered with UNSUBACK
3.10.4-5 b which has its packet identifier, even if nothing was deleted
3.10.4-6 b several filters are like several packets with one answer
3.11.2-1 b no Reason String that makes UNSUBACK too long
3.11.2-2 b no user properties that make UNSUBACK too long
3.11.3-1 b UNSUBACK's codes are in the order of the filters
3.11.3-2 b UNSUBACK's reason codes are those of its table
3.12.4-1 b PINGREQ is answered with PINGRESP
3.14.0-1 b no DISCONNECT of the server before a CONNACK below 0x80
3.14.1-1 b DISCONNECT with reserved bits is malformed, 0x81
3.14.2-1 b DISCONNECT's reason codes are those of its table
3.14.2-2 b the server's DISCONNECT has no Session Expiry Interval
3.14.2-3 b no Reason String that makes DISCONNECT too long
3.14.2-4 b no user properties that make DISCONNECT too long
3.14.4-1 b nothing follows DISCONNECT
3.14.4-2 b but the end of the connection
3.14.4-3 b DISCONNECT 0x00 discards the will
3.15.1-1 b AUTH's flags are 0, anything else ends the connection
3.15.2-1 b AUTH's reason codes are those of its table
3.15.2-2 a no Reason String that makes AUTH too long
3.15.2-3 a no user properties that make AUTH too long
4.1.0-1 b the session is not discarded while there is a connection
4.1.0-2 b it is, when its expiry interval has passed after the connection
4.2-1 b a transport that keeps the order and loses nothing
4.3.1-1 b QoS 0: PUBLISH with QoS 0 and DUP 0
4.3.2-1 b QoS 1: each new message has an unused packet identifier
4.3.2-2 b its PUBLISH has this, QoS 1 and DUP 0
4.3.2-3 b it is unacknowledged until PUBACK
4.3.2-4 b the receiver answers with PUBACK and that packet identifier
4.3.2-5 b after PUBACK the identifier's next PUBLISH is a new message, whatever its DUP
4.3.3-1 b QoS 2: each new message has an unused packet identifier
4.3.3-2 b its PUBLISH has this, QoS 2 and DUP 0
4.3.3-3 b it is unacknowledged until PUBREC
4.3.3-4 b PUBREC below 0x80 is followed by PUBREL with the same packet identifier
4.3.3-5 b that is unacknowledged until PUBCOMP
4.3.3-6 b the PUBLISH is not sent again after PUBREL
4.3.3-7 b a message does not expire once its PUBLISH was sent
4.3.3-8 b the receiver answers with PUBREC and that packet identifier
4.3.3-9 b after PUBREC with 0x80 or more the identifier's next PUBLISH is a new message
4.3.3-10 b before PUBREL the same identifier is answered with PUBREC, and delivered to nobody
4.3.3-11 b PUBREL is answered with PUBCOMP and its packet identifier
4.3.3-12 b after PUBCOMP the identifier's next PUBLISH is a new message
4.3.3-13 b the exchange goes on even if the message has expired
4.4.0-1 b what is unacknowledged is sent again when the session is resumed, and never else
4.4.0-2 b PUBACK, PUBREC with 0x80 or more acknowledge: it is not sent again
4.5.0-1 b a message is added to the sessions of all clients that subscribe to it
4.5.0-2 c a client acknowledges each PUBLISH
4.6.0-1 c a client sends again in the order of before
4.6.0-2 c a client's PUBACKs are in the order of the PUBLISH packets
4.6.0-3 c a client's PUBRECs are in the order of the PUBLISH packets
4.6.0-4 c a client's PUBRELs are in the order of the PUBRECs
4.6.0-5 b messages of one client, topic and QoS are delivered in their order
4.6.0-6 b each topic is ordered, but for shared subscriptions
4.7.0-1 b wildcards are for filters only
4.7.1-1 b # is a whole level and the last
4.7.1-2 b \\+ is a whole level, anywhere
4.7.2-1 b a wildcard at the beginning does not match topics that begin with $
4.7.3-1 b names and filters are not empty
4.7.3-2 b names and filters do not contain U+0000
4.7.3-3 b names and filters have at most 65,535 bytes
4.7.3-4 b nothing is normalised or replaced when they are compared
4.8.2-1 b a shared subscription begins with $share/ and a name that is not empty
4.8.2-2 b the name has no /, + or # in it, and a / and a topic filter follow
4.8.2-3 b the granted QoS holds
4.8.2-4 b a delivery at QoS 2 that was begun is completed with that client
4.8.2-5 b and given to no other one if its session ends
4.8.2-6 b nor is a message that was answered with 0x80 or more
4.9.0-1 b the first quota is not 0 and not above Receive Maximum
4.9.0-2 b no quota: no PUBLISH above QoS 0
4.9.0-3 b other packets are processed without quota
4.12.0-1 b an authentication method that is not known ends the connection, after CONNACK at most
4.12.0-2 a AUTH of the server has 0x18
4.12.0-3 c AUTH of the client has 0x18
4.12.0-4 a a rejected exchange ends the connection, after CONNACK at most
4.12.0-5 a all AUTH and CONNACK have the method of CONNECT
4.12.0-6 b no method in CONNECT: no AUTH, and no method in CONNACK
4.12.0-7 b nor an AUTH of the client
4.12.1-1 a reauthentication has the method of CONNECT
4.12.1-2 a the connection ends when it fails
4.13.1-1 b malformed packets and protocol errors end the connection
4.13.2-1 b so does each reason code of 0x80 or more in CONNACK and DISCONNECT
6.0.0-1 b packets come in binary frames, and text ends the connection
6.0.0-2 b frames and packets need not have the same borders
6.0.0-3 b a client offers the subprotocol mqtt
6.0.0-4 b the server selects mqtt
'''

# Number: (who, what), in the order of the standard
STATEMENTS = {number: (who, what) for number, who, what in
              (line.split(' ', 2) for line in TEXT.strip().splitlines())}
