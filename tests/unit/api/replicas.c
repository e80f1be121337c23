/* replicas.c - GET /api/v1/replicas: this process alone, or everybody who has said so in the store. */
#include "tests/unit/api/fixture.h"

static int set_up(void **state) { *state = desk_open(); return 0; }
static int tear_down(void **state) { desk_close(*state); return 0; }

/* The same store, saying that others write too. */
static const struct store_ops *real;
static void shared_info(const struct store *s, struct store_info *ret)
{
	real->info(s, ret);
	ret->many_writers = true;
}

static void share(struct desk *d)
{
	struct store_ops *ops = NEW(&d->a, struct store_ops);
	real = d->store->ops;
	*ops = *real;
	ops->info = shared_info;
	d->store->ops = ops;
}

static void put_replica(struct desk *d, const char *name, int64_t seen_ms_ago, enum replica_state state)
{
	struct replica r = { .id = str_c(name), .version = S("1.2.3"), .started_at = d->now - 3600000, .seen_at = d->now - seen_ms_ago, .state = state };
	put(d, KIND_replica, r.id, &r, STORE_ABSENT);
}

static const struct jv *item(struct desk *d, size_t n)
{
	const struct jv *k = member(d, "items")->kid;
	while (n-- > 0)
		k = k->next;
	return k;
}

static void a_store_for_one_process_lists_this_one(void **state)
{
	struct desk *d = *state;
	put_replica(d, "stranger", 0, REPLICA_LIVE);              /* nobody else can be there, whatever an old store holds */
	assert_int_equal(get(d, "/api/v1/replicas"), 200);
	assert_int_equal(count_of(member(d, "items")), 1);
	assert_text(json_text(item(d, 0), S("id")), "desk-1-abcdef");
	assert_text(json_text(item(d, 0), S("version")), "0.1.0-test");
	assert_text(json_text(item(d, 0), S("state")), "live");
	assert_int_equal(member(d, "next")->t, J_NULL);
}

static void a_shared_store_lists_everybody_and_says_who_is_gone(void **state)
{
	struct desk *d = *state;
	share(d);
	put_replica(d, "a", 1000, REPLICA_LIVE);
	put_replica(d, "b", 15000, REPLICA_DRAINING);
	put_replica(d, "c", 15001, REPLICA_LIVE);
	put_replica(d, "d", 600000, REPLICA_DRAINING);
	assert_int_equal(get(d, "/api/v1/replicas"), 200);
	static const char *const states[] = { "live", "draining", "gone", "gone" };
	assert_int_equal(count_of(member(d, "items")), 4);
	for (size_t i = 0; i < 4; i++)
		assert_text(json_text(item(d, i), S("state")), states[i]);
	assert_text(json_text(item(d, 0), S("version")), "1.2.3");
}

static void a_long_list_comes_in_pages(void **state)
{
	struct desk *d = *state;
	share(d);
	for (int i = 0; i < 5; i++)
		put_replica(d, arena_fmt(&d->a, "r%d", i).p, 0, REPLICA_LIVE);
	assert_int_equal(get(d, "/api/v1/replicas?limit=3"), 200);
	assert_int_equal(count_of(member(d, "items")), 3);
	struct str next = arena_fmt(&d->a, "/api/v1/replicas?limit=3&cursor=%.*s", STR_ARG(text_of(d, "next")));
	assert_int_equal(get(d, next.p), 200);
	assert_int_equal(count_of(member(d, "items")), 2);
	assert_text(json_text(item(d, 0), S("id")), "r3");
	assert_int_equal(get(d, "/api/v1/replicas?limit=0"), 400);
}

static void it_needs_the_right_to_read(void **state)
{
	struct desk *d = *state;
	d->is_remote = true;
	assert_int_equal(get(d, "/api/v1/replicas"), 401);
	desk_header(d, "Authorization", put_token(d, "metrics", 0, 0));
	assert_int_equal(get(d, "/api/v1/replicas"), 403);
	d->headers[d->n_headers - 1].value = put_token(d, "read", 0, 0);
	assert_int_equal(get(d, "/api/v1/replicas"), 200);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_store_for_one_process_lists_this_one),
		T(a_shared_store_lists_everybody_and_says_who_is_gone),
		T(a_long_list_comes_in_pages),
		T(it_needs_the_right_to_read),
	};
	return cmocka_run_group_tests_name("api/replicas", tests, NULL, NULL);
}
