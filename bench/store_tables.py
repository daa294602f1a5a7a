"""What a store holds: the columns of its tables and of a run's plan, and one run's view of them in SQL."""

import pyarrow as pa

_key, _text, _number = pa.string(), pa.string(), pa.float64()
TABLES: dict[str, pa.Schema] = {
    # one value per asked moment
    "scores": pa.schema([("score_key", _key), ("moment", pa.int32()), ("value", _number)]),
    # what was asked, and where in the history it lies
    "moments": pa.schema(
        [
            ("case_key", _key),
            ("moment", pa.int32()),
            ("frame", pa.int64()),  # index in the history
            ("at_s", _number),
            ("position", _number),  # 0 = oldest, 1 = newest
            ("since_cut_s", _number),
            ("motion", _number),
        ]
    ),
    "memories": pa.schema(
        [
            ("memory_key", _key),
            ("artifact", _text),
            ("bytes", pa.int64()),
            ("tokens", pa.int64()),
            ("floats", pa.int64()),
            ("history_s", _number),
        ]
    ),
    # `exact`: which answers are frames that were kept as they are
    "predictions": pa.schema([("prediction_key", _key), ("artifact", _text), ("exact", pa.list_(pa.bool_()))]),
    "references": pa.schema([("case_key", _key), ("artifact", _text)]),
    "timings": pa.schema(
        [("subject_key", _key), ("stage", _text), ("wall_ms", _number), ("cpu_ms", _number), ("session", _text)]
    ),
    # `metric` is null when the whole prediction failed
    "failures": pa.schema(
        [
            ("key", _key),
            ("stage", _text),
            ("error", _text),
            ("message", _text),
            ("session", _text),
        ]
    ),
}

PLAN = pa.schema(
    [
        ("case", _text),
        ("group", _text),
        ("file", _text),
        ("tags", pa.list_(_text)),
        ("horizon_s", _number),
        ("case_key", _key),
        ("system", _text),
        ("curve", _text),
        ("baseline", pa.bool_()),
        ("memory_key", _key),
        ("prediction_key", _key),
        ("metric", _text),
        ("metric_version", _text),
        ("unit", _text),
        ("better", _text),
        ("score_key", _key),
    ]
)

VIEWS = """
CREATE VIEW planned AS SELECT * FROM planned_rows;
CREATE VIEW answers AS
    SELECT DISTINCT "system", curve, baseline, "case", "group", file, tags, horizon_s, case_key, memory_key,
                    prediction_key
    FROM planned_rows;
CREATE VIEW scores AS
    WITH own AS (
        SELECT score_key, moment, min(value) AS value FROM scores_rows
        WHERE score_key IN (SELECT score_key FROM planned_rows) GROUP BY ALL
    ), asked AS (
        SELECT case_key, moment, any_value(at_s) AS at_s, any_value(position) AS position,
               any_value(since_cut_s) AS since_cut_s, any_value(motion) AS motion FROM moments_rows GROUP BY ALL
    ), kept AS (SELECT prediction_key, any_value(exact) AS exact FROM predictions_rows GROUP BY ALL)
    SELECT p."system", p.curve, p."case", p."group", p.tags, p.horizon_s, p.metric, p.metric_version, p.unit, p.better,
           own.moment, asked.at_s, asked.position, asked.since_cut_s, asked.motion,
           coalesce(kept.exact[own.moment + 1], false) AS exact, own.value, p.prediction_key, p.case_key
    FROM own JOIN planned_rows p USING (score_key)
    LEFT JOIN asked ON asked.case_key = p.case_key AND asked.moment = own.moment
    LEFT JOIN kept USING (prediction_key);
CREATE VIEW rates AS
    WITH spent AS (
        SELECT subject_key, stage, min(wall_ms) AS wall_ms FROM timings_rows GROUP BY ALL
    ), sized AS (
        SELECT memory_key, any_value(history_s) AS history_s, any_value(bytes) AS bytes, any_value(tokens) AS tokens,
               any_value(floats) AS floats FROM memories_rows GROUP BY ALL
    )
    SELECT a."system", a.curve, a."case", a."group", a.horizon_s, a.memory_key, sized.history_s, sized.bytes,
           sized.tokens, sized.floats, e.wall_ms AS encode_ms, r.wall_ms AS recall_ms
    FROM answers a JOIN sized USING (memory_key)
    LEFT JOIN spent e ON e.subject_key = a.memory_key AND e.stage = 'encode'
    LEFT JOIN spent r ON r.subject_key = a.prediction_key AND r.stage = 'recall';
CREATE VIEW failures AS
    WITH broken AS (
        SELECT key, stage, error, message FROM failures_rows
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY place DESC) = 1
    ), whole AS (
        SELECT DISTINCT a."system", a."case", a."group", a.file, NULL::VARCHAR AS metric, b.stage, b.error, b.message
        FROM answers a JOIN broken b ON b.key = a.prediction_key
        WHERE a.prediction_key NOT IN (SELECT prediction_key FROM predictions_rows)
    ), single AS (
        SELECT p."system", p."case", p."group", p.file, p.metric, b.stage, b.error, b.message
        FROM planned_rows p JOIN broken b ON b.key = p.score_key
        WHERE p.score_key NOT IN (SELECT score_key FROM scores_rows)
    )
    SELECT * FROM whole UNION ALL SELECT * FROM single;
"""
