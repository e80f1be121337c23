/* postgres_query.c - every statement on the documents.
 *
 * Lists of documents come as arrays, so that a group takes as many round trips as a single commit. Those that lock do so in the order of
 * the arrays, which the caller sorts: LATERAL with FOR UPDATE cannot be turned round by the planner. All run by generic plans that use
 * the indices whatever the statistics say (settings in postgres_session.c).
 */
#include "store/postgres_session.h"

#define DOC "d.kind,d.ver,d.token,d.due,d.expire,d.id,d.idx0,d.idx1,d.idx2,d.idx3,d.body,d.crc"
#define NOW "floor(extract(epoch FROM clock_timestamp())*1000)::bigint,(SELECT value FROM @.meta WHERE name='least')"
/* $1 kinds, $2 ids: place in the arrays, version, token of each that is there. */
#define LOCK(strength) \
	"SELECT k.n,d.ver,d.token FROM unnest($1::smallint[],$2::bytea[]) WITH ORDINALITY k(kind,id,n)," \
	" LATERAL (SELECT ver,token FROM @.doc WHERE kind=k.kind AND id=k.id" strength ") d"
/* $1 kind, $2 from, $3 to, $4 limit. */
#define LIST(col) \
	"SELECT " DOC " FROM @.doc d WHERE d.kind=$1 AND " col ">=$2 AND " col "<$3 ORDER BY " col ",d.id LIMIT $4", \
	"SELECT " DOC " FROM @.doc d WHERE d.kind=$1 AND " col ">=$2 AND " col "<$3 ORDER BY " col " DESC,d.id DESC LIMIT $4"

const char *const postgres_query[PG_QUERIES] = {
	[PG_BEGIN] = "BEGIN",
	[PG_COMMIT] = "COMMIT",
	[PG_ROLLBACK] = "ROLLBACK",
	[PG_LOCK] = LOCK(" FOR UPDATE"),
	[PG_LOCK_SHARED] = LOCK(" FOR SHARE"),
	[PG_TOKENS] = LOCK(""),
	/* Time, the oldest program that may write, the transaction's number. */
	[PG_STAMP] = "SELECT " NOW ",pg_current_xact_id()::text::bigint",
	/* Kinds, ids, versions before, versions, tokens, dues, expires, crcs, keys 0..3, bodies. */
	[PG_UPDATE] = "UPDATE @.doc d SET ver=n.ver,token=n.token,due=n.due,expire=n.expire,crc=n.crc,"
		"idx0=n.idx0,idx1=n.idx1,idx2=n.idx2,idx3=n.idx3,body=n.body "
		"FROM unnest($1::smallint[],$2::bytea[],$3::bigint[],$4::bigint[],$5::uuid[],$6::bigint[],$7::bigint[],$8::int[],"
		"$9::bytea[],$10::bytea[],$11::bytea[],$12::bytea[],$13::bytea[]) "
		"n(kind,id,was,ver,token,due,expire,crc,idx0,idx1,idx2,idx3,body) WHERE d.kind=n.kind AND d.id=n.id AND d.ver=n.was",
	/* Kinds, ids, versions. */
	[PG_DELETE] = "DELETE FROM @.doc d USING unnest($1::smallint[],$2::bytea[],$3::bigint[]) n(kind,id,ver) "
		"WHERE d.kind=n.kind AND d.id=n.id AND d.ver=n.ver",
	/* $1 number of a transaction: what became of it. */
	[PG_STATUS] = "SELECT pg_xact_status($1::bigint::text::xid8)",
	/* Not while it waits for a standby: it would end at once, and say "committed" of what the standby does not have. */
	[PG_TERMINATE] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid=$1::bigint::text::xid8::xid "
		"AND wait_event IS DISTINCT FROM 'SyncRep'",
	/* $1 kinds, $2 ids: place in the arrays and the document. */
	[PG_GET] = "SELECT " DOC ",k.n FROM unnest($1::smallint[],$2::bytea[]) WITH ORDINALITY k(kind,id,n) "
		"JOIN @.doc d ON d.kind=k.kind AND d.id=k.id",
	/* $1 kind, $2 until, $3 limit, $4 and $5 the shards. */
	[PG_DUE] = "SELECT " DOC " FROM @.doc d WHERE d.kind=$1 AND d.due<=$2 AND d.shard>=$4 AND d.shard<$5 ORDER BY d.due,d.id LIMIT $3",
	[PG_DUE_ALL] = "SELECT " DOC " FROM @.doc d WHERE d.kind=$1 AND d.due<=$2 ORDER BY d.due,d.id LIMIT $3",
	/* $1 kind, $2 shard, $3 the last id, $4 limit. An index would cost every write; audits can wait. */
	[PG_SCAN] = "SELECT " DOC " FROM @.doc d WHERE d.kind=$1 AND d.shard=$2 AND d.id>$3 ORDER BY d.id LIMIT $4",
	/* $1 kind, $2 before, $3 limit. What another replica purges at this moment is left to it. */
	[PG_PURGE] = "DELETE FROM @.doc d USING (SELECT kind,id FROM @.doc WHERE kind=$1 AND expire<$2 AND due IS NULL "
		"ORDER BY expire,id LIMIT $3 FOR UPDATE SKIP LOCKED) n WHERE d.kind=n.kind AND d.id=n.id",
	/* The arrays of PG_UPDATE without the versions before, then shards. */
	[PG_IMPORT] = "INSERT INTO @.doc AS d(kind,id,ver,token,due,expire,crc,idx0,idx1,idx2,idx3,body,shard) "
		"SELECT * FROM unnest($1::smallint[],$2::bytea[],$3::bigint[],$4::uuid[],$5::bigint[],$6::bigint[],$7::int[],"
		"$8::bytea[],$9::bytea[],$10::bytea[],$11::bytea[],$12::bytea[],$13::smallint[]) "
		"ON CONFLICT(kind,id) DO UPDATE SET ver=excluded.ver,token=excluded.token,due=excluded.due,expire=excluded.expire,"
		"crc=excluded.crc,idx0=excluded.idx0,idx1=excluded.idx1,idx2=excluded.idx2,idx3=excluded.idx3,body=excluded.body",
	[PG_NOW] = "SELECT " NOW,
	[PG_PROBE] = "UPDATE @.meta SET value=value+1 WHERE name='probe' RETURNING value",
	[PG_PROBE_READ] = "SELECT value FROM @.meta WHERE name='probe'",
	[PG_LIST] = LIST("d.id"), LIST("d.idx0"), LIST("d.idx1"), LIST("d.idx2"), LIST("d.idx3"),
};

const char *const postgres_copy =
	"COPY @.doc(kind,shard,crc,ver,due,expire,token,id,idx0,idx1,idx2,idx3,body) FROM STDIN (FORMAT binary)";

void postgres_text(struct buf *sql, const char *text, const char *schema)
{
	for (; *text; text++)
		if (*text == '@')
			buf_fmt(sql, "\"%s\"", schema);
		else
			buf_char(sql, *text);
}
