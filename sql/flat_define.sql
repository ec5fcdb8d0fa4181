-- Definition of indexes: operator classes, options, what is refused.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

SELECT opcname, opcdefault, amvalidate(o.oid)
FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'flat' ORDER BY opcname;
SELECT amopstrategy, amoppurpose, oprname, opfname
FROM pg_amop JOIN pg_operator o ON o.oid = amopopr
	JOIN pg_am a ON a.oid = amopmethod LEFT JOIN pg_opfamily f ON f.oid = amopsortfamily
WHERE amname = 'flat' ORDER BY oprname;
SELECT pg_indexam_has_property(oid, name) IS TRUE AS has, name FROM pg_am,
	unnest('{can_order,can_unique,can_multi_col,can_include}'::text[]) name
WHERE amname = 'flat' ORDER BY name;

-- What amvalidate finds wrong.
CREATE FUNCTION pg_temp.no_distance(vector, vector) RETURNS int
	LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE OPERATOR <~~> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = pg_temp.no_distance);
CREATE OPERATOR CLASS wrong_result FOR TYPE vector USING flat AS
	OPERATOR 1 <~~> (vector, vector) FOR ORDER BY integer_ops,
	FUNCTION 1 vector_l2_support(internal);
CREATE OPERATOR CLASS no_function FOR TYPE vector USING flat AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS no_operator FOR TYPE vector USING flat AS
	FUNCTION 1 vector_l2_support(internal);
CREATE OPERATOR CLASS search_operator FOR TYPE vector USING flat AS
	OPERATOR 1 = (vector, vector),
	FUNCTION 1 vector_l2_support(internal);
CREATE OPERATOR CLASS no_sphere FOR TYPE vector USING flat AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 2 = (vector, vector),
	FUNCTION 1 vector_l2_support(internal);
CREATE OPERATOR CLASS order_by_sphere FOR TYPE vector USING flat AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 2 <+> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_l2_support(internal);
CREATE OPERATOR CLASS wrong_function FOR TYPE vector USING flat AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_dims(vector);
SET client_min_messages = info;
SELECT opcname, amvalidate(oid) FROM pg_opclass
WHERE opcname IN ('wrong_result', 'no_function', 'no_operator', 'search_operator', 'no_sphere', 'order_by_sphere',
	'wrong_function')
ORDER BY opcname;
SET client_min_messages = warning;
DROP OPERATOR FAMILY wrong_result USING flat;
DROP OPERATOR FAMILY no_function USING flat;
DROP OPERATOR FAMILY no_operator USING flat;
DROP OPERATOR FAMILY search_operator USING flat;
DROP OPERATOR FAMILY no_sphere USING flat;
DROP OPERATOR FAMILY order_by_sphere USING flat;
DROP OPERATOR FAMILY wrong_function USING flat;
DROP OPERATOR <~~> (vector, vector);

-- Columns that cannot be indexed.
CREATE TABLE t (id int, v vector(3), free vector, w vector(3));
CREATE INDEX ON t USING flat (free);
CREATE INDEX ON t USING flat ((free + free));
CREATE INDEX CONCURRENTLY ON t USING flat (free);
CREATE INDEX ON t USING flat (id);
CREATE INDEX ON t USING flat (v, w);
CREATE UNIQUE INDEX ON t USING flat (v);
CREATE INDEX ON t USING flat (v) INCLUDE (id);
CREATE INDEX ON t USING flat (v DESC);
-- The message names the operator otherwise from PostgreSQL 16 on.
\set VERBOSITY sqlstate
ALTER TABLE t ADD EXCLUDE USING flat (v WITH =);
\set VERBOSITY default
-- An index cannot be created on an unconstrained column, but on its cast.
CREATE INDEX t_cast ON t USING flat ((free::vector(2))) WHERE vector_dims(free) = 2;
INSERT INTO t (id, free) VALUES (1, '[1,2]'), (2, '[1,2,3]'), (3, '[3,4]');
SET enable_seqscan = off;
SELECT id FROM t WHERE vector_dims(free) = 2 ORDER BY free::vector(2) <-> '[3,3]' LIMIT 5;
SET enable_bitmapscan = off;
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE vector_dims(free) = 2 ORDER BY free::vector(2) <-> ''[3,3]'' LIMIT 5');
RESET enable_bitmapscan;

-- Dimensions cannot be taken from a column while an index needs them: neither
-- REINDEX nor the restore of a dump could make such an index again.
CREATE TABLE lose (id int, v vector(3));
INSERT INTO lose VALUES (1, '[1,2,3]'), (2, '[4,5,6]');
CREATE INDEX lose_plain ON lose USING flat (v);
ALTER TABLE lose ALTER v TYPE vector;
\set VERBOSITY sqlstate
ALTER TABLE lose ALTER v TYPE vector;
\set VERBOSITY default
DROP INDEX lose_plain;
CREATE INDEX lose_partial ON lose USING flat (v vector_ip_ops) WHERE id > 1;
ALTER TABLE lose ALTER v TYPE vector;
DROP INDEX lose_partial;
CREATE INDEX lose_expression ON lose USING flat ((coalesce(v, v)) vector_l1_ops);
ALTER TABLE lose ALTER v TYPE vector;
DROP INDEX lose_expression;
ALTER TABLE lose ALTER v TYPE vector;
CREATE INDEX lose_cast ON lose USING flat ((v::vector(3)));
ALTER TABLE lose ALTER v TYPE vector(3);
ALTER TABLE lose ALTER v TYPE vector;
REINDEX TABLE lose;
DROP TABLE lose;
CREATE TABLE lose (id int, v vector(3), free vector) PARTITION BY RANGE (id);
CREATE INDEX ON lose USING flat (free);
CREATE INDEX ON lose USING flat (v);
ALTER TABLE lose ALTER v TYPE vector;
CREATE TABLE lose_1 PARTITION OF lose FOR VALUES FROM (0) TO (10);
ALTER TABLE lose ALTER v TYPE vector;
DROP TABLE lose;

-- A column of a domain has the dimensions of the domain.
CREATE DOMAIN three AS vector(3) CHECK (VALUE <> '[0,0,0]');
CREATE DOMAIN any_number AS vector;
CREATE TABLE domains (id int, v three, free any_number);
INSERT INTO domains VALUES (1, '[1,2,3]'), (2, '[4,5,6]');
CREATE INDEX ON domains USING flat (free);
CREATE INDEX domains_v ON domains USING flat (v);
ALTER TABLE domains ALTER v TYPE any_number;
INSERT INTO domains VALUES (3, '[1,2,4]'), (4, NULL);
SELECT * FROM pg_temp.plan('SELECT id FROM domains ORDER BY v <-> ''[1,2,4]'' LIMIT 2');
SELECT id FROM domains ORDER BY v <-> '[1,2,4]' LIMIT 2;
SELECT * FROM vectordb.check('domains_v');
DROP TABLE domains;
DROP DOMAIN three, any_number;

-- A query of another dimension is refused as by the operator.
CREATE INDEX t_v ON t USING flat (v);
INSERT INTO t (id, v) SELECT i, ARRAY[i, i, i]::vector FROM generate_series(4, 9) i;
SELECT id FROM t ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM t ORDER BY v <-> '[1,2,3,4]' LIMIT 1;
RESET enable_seqscan;
SET enable_indexscan = off;
SELECT id FROM t WHERE v IS NOT NULL ORDER BY v <-> '[1,2]' LIMIT 1;
RESET enable_indexscan;
DROP TABLE t;

-- seal_size: a size with a unit, changed at any time.
CREATE TABLE t (id int, v vector(3));
CREATE INDEX t_v ON t USING flat (v) WITH (seal_size = '1MB');
SELECT reloptions FROM pg_class WHERE relname = 't_v';
ALTER INDEX t_v SET (seal_size = '4kB');
SELECT reloptions FROM pg_class WHERE relname = 't_v';
INSERT INTO t SELECT i, pg_temp.noise(i, 3) FROM generate_series(1, 2000) i;
SELECT count(*) BETWEEN 3 AND 8 AS several FROM vectordb.segments WHERE indexrelid = 't_v'::regclass;
ALTER INDEX t_v RESET (seal_size);
INSERT INTO t SELECT i, pg_temp.noise(i, 3) FROM generate_series(2001, 4000) i;
SELECT count(*) BETWEEN 3 AND 8 AS no_more FROM vectordb.segments WHERE indexrelid = 't_v'::regclass;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(5000, 3)], '{10, 5000}');
ALTER INDEX t_v SET (seal_size = 'large');
ALTER INDEX t_v SET (seal_size = '');
ALTER INDEX t_v SET (seal_size = '-1MB');
ALTER INDEX t_v SET (seal_size = '10B');
ALTER INDEX t_v SET (seal_size = '1000TB');
ALTER INDEX t_v SET (seal_size = '65GB');
ALTER INDEX t_v SET (seal_size = '3 parsecs');
ALTER INDEX t_v SET (lists = 100);
CREATE INDEX ON t USING flat (v) WITH (fillfactor = 50);
SELECT reloptions FROM pg_class WHERE relname = 't_v';
DROP TABLE t;
