CREATE TABLE trials (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    recorded_s REAL NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('fit', 'sweep', 'backtest')),
    pipeline TEXT NOT NULL,
    run TEXT NOT NULL,
    data TEXT NOT NULL,
    data_name TEXT NOT NULL,
    config TEXT NOT NULL CHECK (json_valid(config)),
    config_fingerprint TEXT NOT NULL,
    seed INTEGER NOT NULL,
    code TEXT NOT NULL,
    splits TEXT NOT NULL CHECK (json_valid(splits)),
    configurations INTEGER NOT NULL CHECK (configurations > 0),
    sharpe_variance REAL,
    result TEXT NOT NULL CHECK (json_valid(result)),
    start_ns INTEGER,
    interval_s INTEGER,
    returns BLOB,
    returns_sha256 TEXT
) STRICT;
CREATE INDEX trials_by_data ON trials (data, id);

CREATE TABLE readings (
    id INTEGER PRIMARY KEY,
    recorded_s REAL NOT NULL,
    data TEXT NOT NULL,
    split TEXT NOT NULL,
    run TEXT NOT NULL,
    purpose TEXT NOT NULL
) STRICT;
CREATE INDEX readings_by_data ON readings (data, split);

-- What was tried cannot be untried.
CREATE TRIGGER trials_stay BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'trials are never deleted'); END;
CREATE TRIGGER trials_hold BEFORE UPDATE ON trials BEGIN SELECT RAISE(ABORT, 'trials are never changed'); END;
CREATE TRIGGER readings_stay BEFORE DELETE ON readings BEGIN SELECT RAISE(ABORT, 'readings are never deleted'); END;
CREATE TRIGGER readings_hold BEFORE UPDATE ON readings BEGIN SELECT RAISE(ABORT, 'readings are never changed'); END;
