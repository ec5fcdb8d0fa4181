-- stage.sql: the tables that the data files are read into, see README.md
CREATE EXTENSION vectordb;

CREATE UNLOGGED TABLE stage_meanings
	(id integer, pos text, lexfile text, words text, gloss text, code bytea);
CREATE UNLOGGED TABLE stage_newcomers (LIKE stage_meanings);
CREATE UNLOGGED TABLE stage_definitions
	(id integer, headword text, definition text, code bytea);

-- From the bytes of a data file (a component + 128) to a vector of length one.
CREATE FUNCTION embedding(code bytea) RETURNS vector
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$
		SELECT l2_normalize(ARRAY(SELECT get_byte(code, i) - 128
								  FROM generate_series(0, length(code) - 1) i
								  ORDER BY i)::vector)
	$$;
