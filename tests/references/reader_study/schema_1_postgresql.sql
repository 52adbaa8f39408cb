-- The tables of a reader study as osteon 0.1.0 made them (schema 1), compiled from its SQLAlchemy metadata for this database.
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'this table is append-only'; END $$ LANGUAGE plpgsql;
CREATE TABLE study (
	id SERIAL NOT NULL, 
	protocol JSON NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE person (
	code VARCHAR(40) NOT NULL, 
	role VARCHAR(10) NOT NULL, 
	experience FLOAT, 
	token_hash VARCHAR(64), 
	PRIMARY KEY (code), 
	UNIQUE (token_hash)
);
CREATE TABLE reading_case (
	code VARCHAR(40) NOT NULL, 
	context JSON NOT NULL, 
	probability FLOAT, 
	threshold FLOAT, 
	advice INTEGER, 
	PRIMARY KEY (code)
);
CREATE TABLE login (
	token_hash VARCHAR(64) NOT NULL, 
	person VARCHAR(40) NOT NULL, 
	csrf VARCHAR(64) NOT NULL, 
	seen_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (token_hash), 
	FOREIGN KEY(person) REFERENCES person (code)
);
CREATE TABLE view (
	case_code VARCHAR(40) NOT NULL, 
	number INTEGER NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	"window" JSON NOT NULL, 
	spacing JSON, 
	boxes JSON NOT NULL, 
	heatmap JSON, 
	PRIMARY KEY (case_code, number), 
	FOREIGN KEY(case_code) REFERENCES reading_case (code)
);
CREATE TABLE task (
	reader VARCHAR(40) NOT NULL, 
	session INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	case_code VARCHAR(40) NOT NULL, 
	arm VARCHAR(10) NOT NULL, 
	PRIMARY KEY (reader, session, position, step), 
	FOREIGN KEY(reader) REFERENCES person (code), 
	FOREIGN KEY(case_code) REFERENCES reading_case (code)
);
CREATE TABLE reading (
	id SERIAL NOT NULL, 
	reader VARCHAR(40) NOT NULL, 
	session INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	case_code VARCHAR(40) NOT NULL, 
	arm VARCHAR(10) NOT NULL, 
	revision INTEGER NOT NULL, 
	confidence FLOAT NOT NULL, 
	call INTEGER, 
	box JSON, 
	comment TEXT NOT NULL, 
	shown_at VARCHAR(32) NOT NULL, 
	answered_at VARCHAR(32) NOT NULL, 
	seconds FLOAT NOT NULL, 
	advice_at VARCHAR(32), 
	heatmap_at VARCHAR(32), 
	receipt VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (reader, session, position, step, revision), 
	UNIQUE (reader, receipt), 
	FOREIGN KEY(reader) REFERENCES person (code)
);
CREATE TRIGGER reading_update BEFORE UPDATE ON reading FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER reading_delete BEFORE DELETE ON reading FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TABLE answer (
	id SERIAL NOT NULL, 
	reader VARCHAR(40) NOT NULL, 
	stage VARCHAR(10) NOT NULL, 
	item VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	answered_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (reader, stage, item), 
	FOREIGN KEY(reader) REFERENCES person (code)
);
CREATE TRIGGER answer_update BEFORE UPDATE ON answer FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER answer_delete BEFORE DELETE ON answer FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TABLE event (
	id SERIAL NOT NULL, 
	reader VARCHAR(40) NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	session INTEGER, 
	position INTEGER, 
	step INTEGER, 
	seconds FLOAT, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(reader) REFERENCES person (code)
);
CREATE INDEX ix_event_reader ON event (reader);
CREATE TRIGGER event_update BEFORE UPDATE ON event FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER event_delete BEFORE DELETE ON event FOR EACH STATEMENT EXECUTE FUNCTION append_only();
