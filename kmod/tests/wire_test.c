// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: packets and properties on the wire, as the kernel's compiler has built
 * the code for them. Each buffer has its own size, so that KASAN sees a look
 * behind the end.
 */
#include <kunit/test.h>

#include <mqtt/property.h>
#include <mqtt/wire.h>

#include <vectors/property.h>
#include <vectors/wire.h>

static u8 *copy(struct kunit *test, const void *bytes, size_t len)
{
	u8 *p = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return memcpy(p, bytes, len);
}

static void fixed_headers(struct kunit *test)
{
	struct mqtt_fixed_header fh;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		u8 *p = copy(test, lengths[i].bytes, lengths[i].size);

		for (n = 0; n < lengths[i].size; n++)
			KUNIT_EXPECT_EQ(test, mqtt_fixed_header_parse(p, n, &fh), -EAGAIN);
		KUNIT_EXPECT_EQ(test, mqtt_fixed_header_parse(p, n, &fh), 0);
		KUNIT_EXPECT_EQ(test, fh.remaining, lengths[i].remaining);
		KUNIT_EXPECT_EQ(test, fh.size, lengths[i].size);
		memset(p, 0, n);
		KUNIT_EXPECT_EQ(test, mqtt_fixed_header_write(p, 0x30, fh.remaining), n);
		KUNIT_EXPECT_MEMEQ(test, p, lengths[i].bytes, n);
	}
}

static void check_publish(struct kunit *test, const char *what, int err, int wanted,
			  const struct mqtt_publish *pub, const char *topic,
			  const char *payload, unsigned int packet_id)
{
	KUNIT_EXPECT_EQ_MSG(test, err, wanted, "%s", what);
	if (err || wanted)
		return;
	KUNIT_ASSERT_EQ_MSG(test, pub->topic_len, strlen(topic), "%s", what);
	KUNIT_EXPECT_MEMEQ_MSG(test, pub->topic, topic, pub->topic_len, "%s", what);
	KUNIT_EXPECT_MEMEQ_MSG(test, pub->payload, payload, pub->payload_len, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, pub->packet_id, packet_id, "%s", what);
}

static void publish_3(struct kunit *test)
{
	struct mqtt_publish pub;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(publishes); i++) {
		const struct publish_case *c = &publishes[i];
		u8 *body = copy(test, c->body, c->len);
		u8 protocol;

		for (protocol = MQTT_PROTOCOL_V31; protocol < MQTT_PROTOCOL_V5; protocol++) {
			int err = mqtt_publish_parse(body, c->len, c->byte1, protocol, &pub);

			check_publish(test, c->what, err, c->err, &pub, c->topic, c->payload,
				      c->packet_id);
		}
	}
}

static void publish_5(struct kunit *test)
{
	struct mqtt_publish pub;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(publishes5); i++) {
		const struct publish5_case *c = &publishes5[i];
		u8 *body = copy(test, c->body, c->len);
		int err = mqtt_publish_parse(body, c->len, c->byte1, MQTT_PROTOCOL_V5, &pub);

		check_publish(test, c->what, err, c->err, &pub, c->topic, c->payload,
			      c->packet_id);
		if (err)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, pub.topic_alias, c->alias, "%s", c->what);
		KUNIT_EXPECT_EQ_MSG(test, pub.props.len, c->props_len, "%s", c->what);
	}
}

/* A packet that is cut off is never taken for a whole one. */
static void publish_cut(struct kunit *test)
{
	struct mqtt_publish pub;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(publishes5); i++) {
		const struct publish5_case *c = &publishes5[i];

		if (c->err)
			continue;
		for (n = 0; n < c->len - strlen(c->payload); n++) {
			u8 *body = copy(test, c->body, n);

			KUNIT_EXPECT_NE_MSG(test, mqtt_publish_parse(body, n, c->byte1,
								     MQTT_PROTOCOL_V5, &pub),
					    0, "%s, %zu bytes", c->what, n);
		}
	}
}

static void check_header(struct kunit *test, const char *what, const struct mqtt_publish *pub,
			 u8 protocol, const char *wanted, size_t len)
{
	u8 *p;

	KUNIT_ASSERT_EQ_MSG(test, mqtt_publish_header_size(pub, protocol), len, "%s", what);
	p = kunit_kzalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ_MSG(test, mqtt_publish_header_write(p, pub, protocol), len, "%s", what);
	KUNIT_EXPECT_MEMEQ_MSG(test, p, wanted, len, "%s", what);
}

static void publish_written_anew(struct kunit *test)
{
	struct mqtt_publish pub;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		const struct header_case *c = &headers[i];
		u8 *body = copy(test, c->body, c->len);

		KUNIT_ASSERT_EQ(test, mqtt_publish_parse(body, c->len, c->byte1,
							 MQTT_PROTOCOL_V5, &pub), 0);
		if (c->topic) {
			pub.topic = c->topic;
			pub.topic_len = strlen(c->topic);
		}
		check_header(test, c->what, &pub, MQTT_PROTOCOL_V5, c->v5, c->v5_len);
		check_header(test, c->what, &pub, MQTT_PROTOCOL_V311, c->v3, c->v3_len);
	}
}

/* @block behind its length, in memory of its own */
static u8 *block_new(struct kunit *test, const void *block, size_t len)
{
	u8 *p = kunit_kmalloc(test, 1 + len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	p[0] = len;
	memcpy(p + 1, block, len);
	return p;
}

static int block_parse(const u8 *p, unsigned int type)
{
	struct mqtt_properties props;

	return mqtt_properties_parse(p, 1 + p[0], type, &props);
}

/* Each property in each packet, by the table; and what is in no table */
static void property_places(struct kunit *test)
{
	unsigned int id, type;
	size_t i = 0;

	for (id = 0; id < 256; id++) {
		bool known = i < ARRAY_SIZE(rows) && rows[i].id == id;
		const struct row *row = known ? &rows[i++] : NULL;
		/* Authentication Data only goes with a method. */
		u8 block[16] = { MQTT_PROP_AUTHENTICATION_METHOD, 0, 1, 'm' };
		size_t len = id == MQTT_PROP_AUTHENTICATION_DATA ? 4 : 0;
		const u8 *p;

		block[len++] = id;
		if (row)
			memcpy(block + len, row->value, row->len);
		len += row ? row->len : 0;
		p = block_new(test, block, len);
		for (type = 0; type < 16; type++) {
			bool allowed = row && strchr(row->packets, letters[type]);

			KUNIT_EXPECT_EQ_MSG(test, block_parse(p, type), allowed ? 0 : -EBADMSG,
					    "%u in %u", id, type);
		}
	}
	KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(rows));
}

static void property_values(struct kunit *test)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		const struct value_case *c = &values[i];

		KUNIT_EXPECT_EQ_MSG(test, block_parse(block_new(test, c->block, c->len), c->type),
				    c->err, "%s", c->what);
	}
}

/* Numbers of each kind, and what has none */
static void property_numbers(struct kunit *test)
{
	static const u8 connect[] = "\x0e\x11\1\2\3\4\x21\2\1\x17\1\x15\0\1m";
	static const u8 publish[] = "\6\x0b\x80\1\x23\2\0";
	struct mqtt_properties props;

	KUNIT_ASSERT_EQ(test, mqtt_properties_parse(connect, sizeof(connect) - 1,
						    MQTT_PKT_CONNECT, &props), 0);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_REQUEST_PROBLEM_INFORMATION,
						   0), 1);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_RECEIVE_MAXIMUM, 0), 513);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0),
			0x01020304);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_AUTHENTICATION_METHOD, 7), 7);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_MAXIMUM_PACKET_SIZE, 8), 8);
	KUNIT_ASSERT_EQ(test, mqtt_properties_parse(publish, sizeof(publish) - 1,
						    MQTT_PKT_PUBLISH, &props), 0);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, 0),
			128);
	KUNIT_EXPECT_EQ(test, mqtt_property_number(&props, MQTT_PROP_TOPIC_ALIAS, 0), 512);
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(fixed_headers),
	KUNIT_CASE(publish_3),
	KUNIT_CASE(publish_5),
	KUNIT_CASE(publish_cut),
	KUNIT_CASE(publish_written_anew),
	KUNIT_CASE(property_places),
	KUNIT_CASE(property_values),
	KUNIT_CASE(property_numbers),
	{}
};

static struct kunit_suite wire_suite = {
	.name = "mqtt_wire",
	.test_cases = wire_cases,
};

kunit_test_suites(&wire_suite);
