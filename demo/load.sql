-- load.sql: the demo's tables, filled from the staging tables
CREATE TABLE meanings (
	id integer PRIMARY KEY,
	pos text NOT NULL,
	lexfile text NOT NULL,
	words text NOT NULL,
	gloss text NOT NULL,
	embedding vector(384) NOT NULL);
CREATE TABLE newcomers (LIKE meanings);
CREATE TABLE definitions (
	id integer PRIMARY KEY,
	headword text NOT NULL,
	definition text NOT NULL,
	embedding vector(384) NOT NULL);

INSERT INTO meanings
	SELECT id, pos, lexfile, words, gloss, embedding(code)
	FROM stage_meanings ORDER BY id;
INSERT INTO newcomers
	SELECT id, pos, lexfile, words, gloss, embedding(code)
	FROM stage_newcomers ORDER BY id;
INSERT INTO definitions
	SELECT id, headword, definition, embedding(code)
	FROM stage_definitions ORDER BY id;
DROP TABLE stage_meanings, stage_newcomers, stage_definitions;
VACUUM ANALYZE;
