-- What the tests of access methods share.  Read with \i; silent.
\set ECHO none
\pset pager off
SET client_min_messages = warning;

-- A vector of numbers in [-1, 1) that look random and are the same everywhere.
CREATE FUNCTION pg_temp.noise(seed bigint, dim int) RETURNS vector
LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((hashint8extended(seed, j) >> 40) / 8388608.0
					 ORDER BY j)::real[]::vector
	FROM generate_series(1, dim) j
$$;

-- A vector near one of "nclusters" points.
CREATE FUNCTION pg_temp.clustered(seed bigint, nclusters int, dim int)
RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(((hashint8extended(seed % nclusters, j) >> 40) +
					  (hashint8extended(seed, j + dim) >> 40) * 0.15) /
					 8388608.0 ORDER BY j)::real[]::vector
	FROM generate_series(1, dim) j
$$;

-- Run a query that returns (id, d) in order, through the index or without.
CREATE FUNCTION pg_temp.answer(query text, by_index boolean, q vector,
							   OUT ids bigint[], OUT distances float8[])
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true);
	PERFORM set_config('enable_sort', (NOT by_index)::text, true);
	PERFORM set_config('enable_bitmapscan', 'off', true);
	PERFORM set_config('enable_indexscan', by_index::text, true);
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query USING q LOOP
		plan := plan || line;
	END LOOP;
	IF by_index <> (plan ~ 'Order By: ') THEN
		RAISE EXCEPTION 'plan is not what is to be tested: %', plan;
	END IF;
	EXECUTE 'SELECT array_agg(id), array_agg(d) FROM (' || query || ') s'
		INTO ids, distances USING q;
	PERFORM set_config('enable_seqscan', 'on', true);
	PERFORM set_config('enable_sort', 'on', true);
	PERFORM set_config('enable_bitmapscan', 'on', true);
	PERFORM set_config('enable_indexscan', 'on', true);
END
$$;

-- Do index and sequential scan differ?  Distances must be the same, row by
-- row, and so must be the sets of rows of each distance but the last, which a
-- LIMIT may cut.
CREATE FUNCTION pg_temp.differs(query text, q vector) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	a record;
	b record;
	differing int;
BEGIN
	a := pg_temp.answer(query, true, q);
	b := pg_temp.answer(query, false, q);
	IF a.distances IS DISTINCT FROM b.distances THEN
		RETURN true;
	END IF;
	IF a.ids IS NULL THEN
		RETURN false;
	END IF;
	-- Rows returned twice?
	IF (SELECT count(*) <> count(DISTINCT id) FROM unnest(a.ids) id) THEN
		RETURN true;
	END IF;
	WITH x AS (SELECT * FROM unnest(a.ids, a.distances) AS u(id, d)),
		 y AS (SELECT * FROM unnest(b.ids, b.distances) AS u(id, d)),
		 last AS (SELECT b.distances[cardinality(b.distances)] AS d)
	SELECT count(*) INTO differing
	FROM (TABLE x EXCEPT TABLE y) s, last
	WHERE s.d IS DISTINCT FROM last.d;
	RETURN differing > 0;
END
$$;

-- Answers that differ: of how many queries and limits?  "cond" filters rows.
-- The query is a subquery, for the planner makes a constant of NULL distances.
CREATE FUNCTION pg_temp.mismatches(tab text, op text, queries vector[],
								   limits bigint[], cond text DEFAULT 'true')
RETURNS text LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE pg_temp.differs(
			format('SELECT id, v %s (SELECT $1) AS d FROM %s WHERE %s ORDER BY 2 LIMIT %s',
				   op, tab, cond, k), q))
		|| ' of ' || count(*)
	FROM unnest(queries) q, unnest(limits) k
$$;

-- The message of a command that fails: in a file that is read with \i, psql
-- would add the name of the file to it.
CREATE FUNCTION pg_temp.error_of(command text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlerrm;
END
$$;

-- The plan of a query, without costs.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		-- PostgreSQL says so from version 18 on.
		IF line !~ '^ *Disabled: true$' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END
$$;
\set ECHO all
