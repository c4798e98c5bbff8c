// SPDX-License-Identifier: MIT
/*
 * Requests and answers of the netlink client.
 */
#include <fcntl.h>
#include <unistd.h>

#include <netlink/socket.h>

#include "exchange.h"
#include "netlink_fixture.h"

static int count(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	++*(int *)arg;
	return 0;
}

static void test_open(void **state)
{
	struct mqtt_nl *nl = *state;
	struct mqtt_nl *other = nl;

	assert_true(fcntl(nl_socket_get_fd(nl->sock), F_GETFD) & FD_CLOEXEC);
	no_family = true;
	assert_int_equal(mqtt_nl_open(&other), -ENOENT);
	assert_null(other);
	mqtt_nl_close(NULL);
	assert_non_null(mqtt_nl_error(NULL));
}

static void test_requests(void **state)
{
	const struct mqtt_nl_filter filters[] = {
		{ .filter = (const uint8_t *)"a/b", .len = 3 },
		{ .filter = (const uint8_t *)"#", .len = 1, .options = MQTT_SUB_OPTION_NO_LOCAL },
	};
	struct mqtt_nl *nl = *state;
	int n = 0;

	assert_int_equal(mqtt_nl_router_new(nl, &(struct mqtt_nl_router){ 0 }), 0);
	assert_string_equal(describe(0), "1 0x5: 1()");
	assert_int_equal(mqtt_nl_router_set(nl, &(struct mqtt_nl_router){
		.queue_limit = 0x10203, .offload_max_packet = 0x40506,
	}), 0);
	assert_string_equal(describe(1), "3 0x5: 1(1=0302010000000000 2=06050400)");
	assert_int_equal(mqtt_nl_router_del(nl), 0);
	assert_string_equal(describe(2), "4 0x5: ");
	assert_int_equal(mqtt_nl_router_get(nl, count, &n), 0);
	assert_string_equal(describe(3), "2 0x5: ");
	assert_int_equal(mqtt_nl_stats_get(nl, count, &n), 0);
	assert_string_equal(describe(4), "11 0x5: ");
	assert_int_equal(mqtt_nl_peer_detach(nl, 7), 0);
	assert_string_equal(describe(5), "6 0x5: 2(1=07000000)");
	assert_int_equal(mqtt_nl_peer_get(nl, 7, count, &n), 0);
	assert_string_equal(describe(6), "7 0x5: 2(1=07000000)");
	assert_int_equal(mqtt_nl_sub_add(nl, 7, filters, 2), 0);
	assert_string_equal(describe(7), "8 0x5: 2(1=07000000) 3(1=612f62) 3(1=23 4=04)");
	assert_int_equal(mqtt_nl_sub_del(nl, 7, filters, 2), 0);
	assert_string_equal(describe(8), "9 0x5: 2(1=07000000) 3(1=612f62) 3(1=23)");
	assert_int_equal(mqtt_nl_sub_add(nl, 7, NULL, 0), 0);
	assert_int_equal(nr_requests, 9);
	assert_int_equal(n, 0);
}

static void answer_dump_empty(size_t number, const struct nlmsghdr *request)
{
	(void)number;
	reply_done(request, 0, 0, NULL);
	datagram();
}

static void test_dump_requests(void **state)
{
	struct mqtt_nl *nl = *state;
	int n = 0;

	answer = answer_dump_empty;
	assert_int_equal(mqtt_nl_peer_dump(nl, count, &n), 0);
	assert_string_equal(describe(0), "7 0x305: ");
	assert_int_equal(mqtt_nl_sub_dump(nl, 0, count, &n), 0);
	assert_string_equal(describe(1), "10 0x305: ");
	assert_int_equal(mqtt_nl_sub_dump(nl, 9, count, &n), 0);
	assert_string_equal(describe(2), "10 0x305: 2(1=09000000)");
	assert_int_equal(n, 0);
}

/*
 * Attach
 */

static void answer_peer_42(size_t number, const struct nlmsghdr *request)
{
	size_t start = genl_begin(request, 0);

	(void)number;
	put_peer(42);
	message_end(start);
	datagram();
	reply_error(request, 0, NULL, true);
}

static void test_attach(void **state)
{
	struct mqtt_nl_attach attach = { .fd = 5, .protocol = 4, .client_id = "id" };
	struct mqtt_nl *nl = *state;
	uint32_t id;

	answer = answer_peer_42;
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), 0);
	assert_int_equal(id, 42);
	assert_string_equal(describe(0), "5 0x5: 2(2=05000000 4=04 3=696400)");

	attach.rx_residue = calloc(1, MQTT_RX_RESIDUE_MAX);
	attach.rx_residue_len = MQTT_RX_RESIDUE_MAX;
	attach.limits.queue_bytes = 1;
	attach.protocol = 5;
	attach.topic_alias_max = 64;
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), 0);
	assert_string_equal(describe(1), "5 0x5: 2(2=05000000 5=0000000000000000...32768 "
			    "4=05 3=696400 6=0100000000000000 17=4000)");

	attach.rx_residue_len = MQTT_RX_RESIDUE_MAX + 1;
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), -EMSGSIZE);
	assert_int_equal(nr_requests, 2);
	free((void *)attach.rx_residue);

	attach = (struct mqtt_nl_attach){
		.fd = 5, .protocol = 5, .client_id = "id", .keep_alive = 0x102,
		.topic_alias_max = 3, .max_packet = 0x10203,
	};
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), 0);
	assert_string_equal(describe(2), "5 0x5: 2(2=05000000 4=05 3=696400 "
			    "16=0201 17=0300 18=03020100)");

	answer = NULL;
	attach.rx_residue_len = 0;
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), -EBADMSG);
}

static void test_peer_set(void **state)
{
	struct mqtt_nl_peer_set set = { 0 };
	struct mqtt_nl *nl = *state;

	assert_int_equal(mqtt_nl_peer_set(nl, 7, &set), 0);
	assert_string_equal(describe(0), "12 0x5: 2(1=07000000)");
	set.keep_alive = (uint16_t []){ 0 };
	set.queue_limit = (uint64_t []){ 1 };
	assert_int_equal(mqtt_nl_peer_set(nl, 7, &set), 0);
	assert_string_equal(describe(1), "12 0x5: 2(1=07000000 6=0100000000000000 16=0000)");
}

/* Hosted from the start, then offloaded: the kernel knows who it is. */
static void test_attach_hosted(void **state)
{
	struct mqtt_nl_attach attach = { .port = 3, .fd = 5, .protocol = 4, .client_id = "id",
					 .rx_skip = 9, .tx_hold = true };
	static const uint8_t no;
	struct mqtt_nl *nl = *state;
	uint32_t id;

	answer = answer_peer_42;
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), 0);
	assert_string_equal(describe(0), "5 0x5: 2(15=03000000 4=04 3=696400)");
	attach.id = id;
	attach.port = 0;
	assert_int_equal(mqtt_nl_peer_attach(nl, &attach, &id), 0);
	assert_string_equal(describe(1), "5 0x5: 2(2=05000000 19=09000000 20=01 1=2a000000)");
	answer = NULL;
	assert_int_equal(mqtt_nl_peer_set(nl, 7, &(struct mqtt_nl_peer_set){ .tx_hold = &no }), 0);
	assert_string_equal(describe(2), "12 0x5: 2(1=07000000 20=00)");
	assert_int_equal(mqtt_nl_peer_host(nl, 7, 2), 0);
	assert_string_equal(describe(3), "6 0x5: 2(1=07000000 15=02000000)");
}

/*
 * Ports
 */

static int port_fd;

static void answer_port(size_t number, const struct nlmsghdr *request)
{
	size_t start = genl_begin(request, 0), nest = nest_begin(MQTT_A_PORT);

	if (number)
		put_attr_u32(MQTT_A_PORT_ID, 8);
	put_attr_u32(MQTT_A_PORT_FD, (uint32_t)port_fd);
	nest_end(nest);
	message_end(start);
	datagram();
	reply_error(request, 0, NULL, true);
}

static void test_port(void **state)
{
	struct mqtt_nl *nl = *state;
	uint32_t id = 1;
	int fd = 0, n = 0;

	answer = answer_port;
	port_fd = dup(0);
	/* An answer that lacks the id: its descriptor is not left open. */
	assert_int_equal(mqtt_nl_port_add(nl, 0, &id, &fd), -EBADMSG);
	assert_string_equal(describe(0), "13 0x5: 5()");
	assert_int_equal(id, 0);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(port_fd, F_GETFD), -1);
	port_fd = dup(0);
	assert_int_equal(mqtt_nl_port_add(nl, 0x10000, &id, &fd), 0);
	assert_string_equal(describe(1), "13 0x5: 5(3=0000010000000000)");
	assert_int_equal(id, 8);
	assert_int_equal(fd, port_fd);
	close(port_fd);

	assert_int_equal(mqtt_nl_port_get(nl, 8, count, &n), 0);
	assert_string_equal(describe(2), "14 0x5: 5(1=08000000)");
	assert_int_equal(n, 1);
	answer = answer_dump_empty;
	assert_int_equal(mqtt_nl_port_dump(nl, count, &n), 0);
	assert_string_equal(describe(3), "14 0x305: ");
	assert_int_equal(n, 1);
}

/* A client id is cut, but not within a character. */
static void test_client_id(void **state)
{
	char client_id[MQTT_CLIENT_ID_MAX + 3];
	struct mqtt_nl_attach attach = { .fd = 0, .protocol = 4, .client_id = client_id };
	uint32_t id;

	answer = answer_peer_42;
	memset(client_id, 'x', sizeof(client_id));
	strcpy(client_id + MQTT_CLIENT_ID_MAX - 1, "\xc3\xa9");
	assert_int_equal(mqtt_nl_peer_attach(*state, &attach, &id), 0);
	assert_string_equal(describe(0), "5 0x5: 2(2=00000000 4=04 3=7878787878787878...256)");
	strcpy(client_id + MQTT_CLIENT_ID_MAX - 2, "\xc3\xa9");
	assert_int_equal(mqtt_nl_peer_attach(*state, &attach, &id), 0);
	assert_string_equal(describe(1), "5 0x5: 2(2=00000000 4=04 3=7878787878787878...257)");
	attach.client_id = "";
	assert_int_equal(mqtt_nl_peer_attach(*state, &attach, &id), 0);
	assert_string_equal(describe(2), "5 0x5: 2(2=00000000 4=04 3=00)");
}

/*
 * Many filters
 */

#define MANY 4000

static struct mqtt_nl_filter *many_filters(void)
{
	struct mqtt_nl_filter *filters = calloc(MANY, sizeof(*filters));
	static char names[MANY][16];

	for (size_t i = 0; i < MANY; i++) {
		filters[i].len = (size_t)sprintf(names[i], "f/%zu", i);
		filters[i].filter = (const uint8_t *)names[i];
	}
	return filters;
}

/* How many sub nests a request has; it begins with the one peer nest. */
static size_t count_filters(size_t number, const char *begin)
{
	const char *text = describe(number);
	size_t n = 0;

	assert_memory_equal(text, begin, strlen(begin));
	assert_null(strstr(text + strlen(begin), " 2("));
	while ((text = strstr(text, " 3(1="))) {
		text++;
		n++;
	}
	return n;
}

static void test_split(void **state)
{
	struct mqtt_nl_filter *filters = many_filters();
	size_t n = 0;

	assert_int_equal(mqtt_nl_sub_add(*state, 7, filters, MANY), 0);
	assert_true(nr_requests > 1 && nr_requests < 4);
	for (size_t i = 0; i < nr_requests; i++) {
		assert_true(requests[i].len < 33 * 1024);
		n += count_filters(i, "8 0x5: 2(1=07000000) 3(");
	}
	assert_int_equal(n, MANY);
	free(filters);
}

static void answer_refuse_third(size_t number, const struct nlmsghdr *request)
{
	if (number == 2)
		reply_error(request, -ENOMEM, "third", true);
	else if (number > 2)
		reply_error(request, -ENOENT, "rollback", true);
	else
		reply_error(request, 0, NULL, true);
}

static void test_rollback(void **state)
{
	struct mqtt_nl_filter filters[4];
	uint8_t *longest = calloc(1, MQTT_FILTER_MAX);

	for (int i = 0; i < 4; i++)
		filters[i] = (struct mqtt_nl_filter){ .filter = longest, .len = MQTT_FILTER_MAX };
	filters[0].len = 20000;
	filters[1].len = 10;
	answer = answer_refuse_third;
	assert_int_equal(mqtt_nl_sub_add(*state, 7, filters, 4), -ENOMEM);
	assert_string_equal(mqtt_nl_error(*state), "third");
	assert_int_equal(nr_requests, 6);
	assert_string_equal(describe(2), "8 0x5: 2(1=07000000) 3(1=0000000000000000...32768)");
	assert_string_equal(describe(3), "9 0x5: 2(1=07000000) 3(1=0000000000000000...20000)");
	assert_string_equal(describe(4), "9 0x5: 2(1=07000000) 3(1=0000000000000000...10)");
	assert_string_equal(describe(5), "9 0x5: 2(1=07000000) 3(1=0000000000000000...32768)");
	free(longest);
}

static void test_filter_too_long(void **state)
{
	uint8_t *longest = calloc(1, MQTT_FILTER_MAX + 1);
	const struct mqtt_nl_filter filters[] = {
		{ .filter = longest, .len = 1 },
		{ .filter = longest, .len = MQTT_FILTER_MAX + 1 },
	};

	assert_int_equal(mqtt_nl_sub_add(*state, 7, filters, 2), -EMSGSIZE);
	assert_int_equal(mqtt_nl_sub_del(*state, 7, filters, 2), -EMSGSIZE);
	assert_int_equal(nr_requests, 0);
	free(longest);
}

/*
 * Errors
 */

static void reply_range(const struct nlmsghdr *request)
{
	const uint64_t least = 1, most = UINT32_MAX;
	const int err = -ERANGE;
	size_t start = message_begin(request, NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS);
	size_t nest;

	put(&err, sizeof(err));
	put(request, sizeof(*request));
	put_extack("integer out of range");
	nest = nest_begin(NLMSGERR_ATTR_POLICY);
	put_attr(NL_POLICY_TYPE_ATTR_MIN_VALUE_U, &least, sizeof(least));
	put_attr(NL_POLICY_TYPE_ATTR_MAX_VALUE_U, &most, sizeof(most));
	nest_end(nest);
	message_end(start);
	datagram();
}

static void answer_errors(size_t number, const struct nlmsghdr *request)
{
	if (number == 0)
		reply_error(request, -EBUSY, "socket is attached", true);
	else if (number == 1)
		reply_error(request, -EBUSY, "whole request", false);
	else if (number == 2)
		reply_error(request, -EEXIST, NULL, false);
	else
		reply_range(request);
}

static void test_errors(void **state)
{
	struct mqtt_nl *nl = *state;

	answer = answer_errors;
	assert_int_equal(mqtt_nl_peer_detach(nl, 1), -EBUSY);
	assert_string_equal(mqtt_nl_error(nl), "socket is attached");
	assert_int_equal(mqtt_nl_peer_detach(nl, 1), -EBUSY);
	assert_string_equal(mqtt_nl_error(nl), "whole request");
	assert_int_equal(mqtt_nl_peer_detach(nl, 1), -EEXIST);
	assert_string_equal(mqtt_nl_error(nl), strerror(EEXIST));
	assert_int_equal(mqtt_nl_peer_detach(nl, 1), -ERANGE);
	assert_string_equal(mqtt_nl_error(nl), "integer out of range (1 to 4294967295)");
}

/* Silence; then the answer comes after all, when the next one is awaited. */
static struct nlmsghdr late;

static void answer_late(size_t number, const struct nlmsghdr *request)
{
	if (number == 0) {
		late = *request;
		late.nlmsg_len = sizeof(late);
		return;
	}
	reply_error(&late, -EBUSY, "late", true);
	reply_error(request, 0, NULL, true);
}

static void test_timeout(void **state)
{
	struct mqtt_nl *nl = *state;

	answer = answer_late;
	assert_int_equal(mqtt_nl_peer_detach(nl, 1), -ETIMEDOUT);
	assert_int_equal(mqtt_nl_peer_detach(nl, 1), 0);
	assert_int_equal(first_datagram, nr_datagrams);
}

/*
 * Dumps
 */

static int dump_flags, dump_err;
static const char *dump_text;

/* Two datagrams, three messages, four peers, and the end. */
static void answer_dump(size_t number, const struct nlmsghdr *request)
{
	size_t start = genl_begin(request, NLM_F_MULTI | dump_flags);

	(void)number;
	put_peer(1);
	put_peer(2);
	message_end(start);
	start = genl_begin(request, NLM_F_MULTI);
	put_peer(3);
	message_end(start);
	datagram();
	start = genl_begin(request, NLM_F_MULTI);
	put_attr_u32(MQTT_A_MAX + 1, 5);
	put_peer(4);
	message_end(start);
	reply_done(request, 0, dump_err, dump_text);
	datagram();
}

static int sum_until(struct nlattr **attrs, void *arg)
{
	uint32_t *ids = arg;

	*ids = *ids * 10 + nla_get_u32(attrs[MQTT_A_PEER_ID]);
	return *ids == 12 ? 99 : 0;
}

static int sum(struct nlattr **attrs, void *arg)
{
	uint32_t *ids = arg;

	*ids = *ids * 10 + nla_get_u32(attrs[MQTT_A_PEER_ID]);
	return 0;
}

static void test_dump(void **state)
{
	struct mqtt_nl *nl = *state;
	uint32_t ids = 0;

	answer = answer_dump;
	assert_int_equal(mqtt_nl_peer_dump(nl, sum, &ids), 0);
	assert_int_equal(ids, 1234);

	/* The caller has enough: the rest is read all the same. */
	ids = 0;
	assert_int_equal(mqtt_nl_peer_dump(nl, sum_until, &ids), 99);
	assert_int_equal(ids, 12);
	assert_int_equal(first_datagram, nr_datagrams);

	/* The kernel's table has changed. */
	ids = 0;
	dump_flags = NLM_F_DUMP_INTR;
	assert_int_equal(mqtt_nl_peer_dump(nl, sum, &ids), -EINTR);
	assert_int_equal(ids, 1234);
	dump_flags = 0;

	/* The kernel fails half way. */
	dump_err = -ENOMEM;
	dump_text = "half way";
	assert_int_equal(mqtt_nl_peer_dump(nl, sum, &ids), -ENOMEM);
	assert_string_equal(mqtt_nl_error(nl), "half way");
	dump_err = 0;
	dump_text = NULL;
}

/* A filter of the longest kind, in a message larger than the usual buffer. */
static void answer_long_filter(size_t number, const struct nlmsghdr *request)
{
	uint8_t *longest = calloc(1, MQTT_FILTER_MAX);
	size_t start = genl_begin(request, NLM_F_MULTI);
	size_t nest = nest_begin(MQTT_A_SUB);

	(void)number;
	put_attr(MQTT_A_SUB_FILTER, longest, MQTT_FILTER_MAX);
	nest_end(nest);
	message_end(start);
	datagram();
	reply_done(request, 0, 0, NULL);
	datagram();
	free(longest);
}

static int filter_len(struct nlattr **attrs, void *arg)
{
	*(int *)arg = nla_len(attrs[MQTT_A_SUB_FILTER]);
	return 0;
}

static void test_long_filter(void **state)
{
	int len = 0;

	answer = answer_long_filter;
	assert_int_equal(mqtt_nl_sub_dump(*state, 0, filter_len, &len), 0);
	assert_int_equal(len, MQTT_FILTER_MAX);
}

/* An attribute that is too short is not shown, however it came about. */
static void answer_nonsense(size_t number, const struct nlmsghdr *request)
{
	size_t start = genl_begin(request, 0);
	size_t nest = nest_begin(MQTT_A_PEER);

	(void)number;
	put_attr(MQTT_A_PEER_ID, "", 1);
	nest_end(nest);
	message_end(start);
	datagram();
	reply_error(request, 0, NULL, true);
}

static void test_nonsense(void **state)
{
	int n = 0;

	answer = answer_nonsense;
	assert_int_equal(mqtt_nl_peer_get(*state, 1, count, &n), -EBADMSG);
	assert_int_equal(n, 0);
	assert_int_equal(first_datagram, nr_datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_requests),
		TEST(test_dump_requests),
		TEST(test_attach),
		TEST(test_peer_set),
		TEST(test_attach_hosted),
		TEST(test_port),
		TEST(test_client_id),
		TEST(test_split),
		TEST(test_rollback),
		TEST(test_filter_too_long),
		TEST(test_errors),
		TEST(test_timeout),
		TEST(test_dump),
		TEST(test_long_filter),
		TEST(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
