--
-- The type "vector": everything that it consists of in the catalogs.
--

SELECT typname, typlen, typbyval, typalign, typstorage, typinput, typoutput,
       typreceive, typsend, typmodin, typmodout
FROM pg_type WHERE oid = 'vector'::regtype;

-- Every function on vectors is immutable, strict and parallel safe.
SELECT p.oid::regprocedure AS function, format_type(prorettype, NULL) AS returns,
       provolatile AS vol, proisstrict AS strict, proparallel AS par
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
     JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE extname = 'vectordb' AND prokind = 'f'
  AND (prosrc ~ '^vdb_(vector|array_to_vector|subvector|binary_quantize)'
       OR prosrc ~ '^vdb_(l2|l1|cosine)_distance$'
       OR prosrc IN ('vdb_inner_product', 'vdb_l2_normalize'))
  AND prosrc !~ '_support$'
ORDER BY p.oid::regprocedure::text COLLATE "C";

SELECT a.aggfnoid::regprocedure, aggtransfn, aggfinalfn, aggcombinefn,
       aggtranstype::regtype, agginitval, proparallel
FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid
WHERE proargtypes[0] = 'vector'::regtype
ORDER BY a.aggfnoid::regprocedure::text;

-- Every object that a \d command shows has a comment.
SELECT o.type, o.identity
FROM pg_depend d JOIN pg_extension e
         ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND d.objid = t.oid,
     pg_identify_object(d.classid, d.objid, 0) o
WHERE extname = 'vectordb' AND d.deptype = 'e'
  AND o.type NOT IN ('cast', 'operator family')
  -- types of rows and arrays
  AND (t.oid IS NULL OR (t.typtype <> 'c' AND t.typcategory <> 'A'))
  AND obj_description(d.objid, d.classid::regclass::name) IS NULL
ORDER BY 1, 2;

-- The type works in any schema, on the search path or not.
SET client_min_messages = warning;
BEGIN;
DROP EXTENSION vectordb CASCADE;
CREATE SCHEMA type_catalog;
CREATE EXTENSION vectordb SCHEMA type_catalog;
SELECT type_catalog.l2_distance('[0]'::type_catalog.vector, '[2]');
SELECT type_catalog.sum(v), type_catalog.avg(v)
FROM unnest('{"[1]","[2]"}'::type_catalog.vector[]) v;
SELECT ARRAY[1,2]::type_catalog.vector(2);
SELECT count(*) FROM (SELECT DISTINCT v
                      FROM unnest('{"[0]","[-0]"}'::type_catalog.vector[]) v) s;
ROLLBACK;
RESET client_min_messages;
SELECT '[1,2,3]'::vector;
