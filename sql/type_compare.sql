--
-- The type "vector": order, equality, hashing.
--

SELECT '[1,2,3]'::vector < '[1,2,3]', '[1,2,3]'::vector <= '[1,2,3]',
       '[1,2,3]'::vector = '[1,2,3]', '[1,2,3]'::vector <> '[1,2,3]',
       '[1,2,3]'::vector >= '[1,2,3]', '[1,2,3]'::vector > '[1,2,3]';
SELECT '[1,2,3]'::vector < '[1,2,4]', '[1,2,3]'::vector <= '[1,2,4]',
       '[1,2,3]'::vector = '[1,2,4]', '[1,2,3]'::vector <> '[1,2,4]',
       '[1,2,3]'::vector >= '[1,2,4]', '[1,2,3]'::vector > '[1,2,4]';
-- elements first, then the number of dimensions
SELECT a, b, vector_cmp(a, b), a < b AS lt, a = b AS eq, a > b AS gt
FROM (VALUES ('[1,2]'::vector, '[1,2,3]'::vector), ('[2]', '[1,2]'),
             ('[1,2,3]', '[1,2]'), ('[-1]', '[0,0]'), ('[0]', '[-0]'),
             ('[-1e-45]', '[-0]'), ('[3e38]', '[-3e38]')) v (a, b);
SELECT NULL::vector = '[1]' IS NULL, vector_cmp('[1]', NULL) IS NULL;

-- sorting
SELECT v FROM unnest(ARRAY['[2]', '[1,2]', '[1]', NULL, '[-1]', '[1,1]', '[0]',
                           '[1,1,-5]']::vector[]) v ORDER BY v;
SELECT array_agg(v ORDER BY v)::text = array_agg(v ORDER BY v::real[])::text AS as_arrays
FROM (SELECT ARRAY[i * 7 % 5, i * 11 % 7, i * 13 % 3]::vector AS v
      FROM generate_series(1, 105) i) s;

-- the two zeros are equal, so they hash alike
SELECT vector_hash('[0,1]') = vector_hash('[-0,1]') AS hash,
       vector_hash_extended('[0,1]', 5) = vector_hash_extended('[-0,1]', 5) AS extended,
       vector_hash('[0]') <> vector_hash('[0,0]') AS dimension_matters,
       vector_hash('[1,2]') <> vector_hash('[2,1]') AS order_matters,
       vector_hash_extended('[1]', 1) <> vector_hash_extended('[1]', 2) AS seed_matters;
-- with the seed 0 the extended hash begins with the other
SELECT count(*) FROM generate_series(1, 100) i, LATERAL (SELECT ARRAY[i]::vector AS v) s
WHERE vector_hash(v) <> (vector_hash_extended(v, 0) & 4294967295)::bit(32)::int;

CREATE TEMP TABLE t (id int, v vector);
INSERT INTO t SELECT i, ARRAY[i % 10, 0] FROM generate_series(1, 1000) i;
INSERT INTO t VALUES (1001, '[1,-0]'), (1002, '[-0,-0]'), (1003, NULL), (1004, NULL);
ANALYZE t;

-- grouping, joining and duplicates, by hashing
SET enable_sort = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT DISTINCT v FROM t;
SELECT count(*) FROM (SELECT DISTINCT v FROM t) s;
EXPLAIN (COSTS OFF) SELECT count(*) FROM t a JOIN t b ON a.v = b.v;
SELECT count(*) FROM t a JOIN t b ON a.v = b.v;
SELECT count(*) FROM t a LEFT JOIN t b ON a.v = b.v AND a.id <> b.id WHERE b.id IS NULL;
SELECT count(*), min(id) FROM t WHERE v IN (SELECT v FROM t WHERE id = 1002);
RESET enable_sort;
-- and by sorting
RESET enable_mergejoin;
SET enable_hashjoin = off;
SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT DISTINCT v FROM t;
SELECT count(*) FROM (SELECT DISTINCT v FROM t) s;
EXPLAIN (COSTS OFF) SELECT count(*) FROM t a JOIN t b ON a.v = b.v;
SELECT count(*) FROM t a JOIN t b ON a.v = b.v;
RESET ALL;

-- selectivity: = matches few rows, <> matches most
CREATE FUNCTION pg_temp.estimated_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan->0->'Plan'->'Plan Rows';
END $$;
SELECT pg_temp.estimated_rows($$ SELECT * FROM t WHERE v = '[3,0]' $$) < 200 AS few,
       pg_temp.estimated_rows($$ SELECT * FROM t WHERE v <> '[3,0]' $$) > 800 AS most,
       pg_temp.estimated_rows($$ SELECT * FROM t WHERE v < '[3,0]' $$) BETWEEN 200 AND 500 AS part;

-- constraints and partitions
CREATE TEMP TABLE u (v vector(2) UNIQUE);
INSERT INTO u VALUES ('[1,0]'), ('[0,1]');
\set VERBOSITY sqlstate
INSERT INTO u VALUES ('[1,-0]');
\set VERBOSITY default
CREATE TEMP TABLE p (v vector) PARTITION BY HASH (v);
CREATE TEMP TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO p SELECT ARRAY[i] FROM generate_series(1, 100) i;
INSERT INTO p VALUES ('[0]'), ('[-0]');
SELECT count(DISTINCT tableoid) FROM p;
SELECT count(DISTINCT tableoid) FROM p WHERE v = '[0]';
SELECT count(*) FROM p WHERE v = '[0]';

-- the operators and the operator classes
SELECT oprname, oprcode::regproc, oprcom::regoperator, oprnegate::regoperator,
       oprrest, oprjoin, oprcanhash, oprcanmerge
FROM pg_operator
WHERE oprleft = 'vector'::regtype AND oprright = 'vector'::regtype
ORDER BY oprname COLLATE "C";
SELECT amname, opcname, opcdefault
FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'vector'::regtype AND amname IN ('btree', 'hash')
ORDER BY amname;
SELECT amname, amvalidate(c.oid)
FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'vector'::regtype AND amname IN ('btree', 'hash')
ORDER BY amname;
