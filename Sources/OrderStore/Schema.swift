import Shared

/// The tables, as the steps that lead to them. A released step never changes; a new one is added after it.
enum Schema {
    /// "SALE": marks the file as ours (PRAGMA application_id).
    static let applicationID = 0x5341_4C45

    /// Step n brings a file from user_version n to n + 1, in one transaction.
    private static let steps = [
        """
        CREATE TABLE sales (
            sale TEXT PRIMARY KEY,
            uuid TEXT NOT NULL,
            title TEXT NOT NULL,
            stock_total INTEGER NOT NULL,
            -- Units in orders. The CHECK is the last guard against overselling, whatever Redis says.
            sold INTEGER NOT NULL DEFAULT 0,
            max_per_buyer INTEGER NOT NULL,
            opens_at_ms INTEGER,
            closes_at_ms INTEGER,
            paused INTEGER NOT NULL DEFAULT 0,
            -- The waiting room, where there is one: its schedule (AdmissionSchedule), and how long a turn lasts.
            admission TEXT,
            turn_window_ms INTEGER,
            -- The last event that changed one of these five: an older one that is delivered late changes nothing.
            settings_stream_id TEXT NOT NULL,
            pseudonym_key TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            created_at_ms INTEGER NOT NULL,
            -- Every position up to this one is in orders, or accounted for as a dead letter or a loss.
            persisted_position INTEGER NOT NULL DEFAULT 0,
            -- The stream entry that was taken in last, in the same transaction as its rows.
            last_stream_id TEXT NOT NULL,
            archived_at_ms INTEGER,
            CHECK (sold >= 0 AND sold <= stock_total),
            CHECK ((admission IS NULL) = (turn_window_ms IS NULL))
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE orders (
            sale TEXT NOT NULL REFERENCES sales (sale),
            position INTEGER NOT NULL CHECK (position >= 1),
            order_id TEXT NOT NULL UNIQUE,
            buyer TEXT NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity >= 1),
            key TEXT NOT NULL,
            trace TEXT NOT NULL,
            secured_at_ms INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            stream_id TEXT NOT NULL,
            PRIMARY KEY (sale, position),
            UNIQUE (sale, buyer, key)
        ) STRICT, WITHOUT ROWID;

        CREATE TRIGGER orders_are_sold AFTER INSERT ON orders BEGIN
            UPDATE sales SET sold = sold + NEW.quantity WHERE sale = NEW.sale;
        END;

        -- The public history of each sale, in the order of commit: each entry's hash covers it and the hash before.
        CREATE TABLE ledger (
            sale TEXT NOT NULL REFERENCES sales (sale),
            seq INTEGER NOT NULL CHECK (seq >= 1),
            entry TEXT NOT NULL,
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            PRIMARY KEY (sale, seq)
        ) STRICT, WITHOUT ROWID;

        -- What the stream brought and could not be stored, whole: never deleted.
        CREATE TABLE dead_letters (
            sale TEXT NOT NULL,
            stream_id TEXT NOT NULL,
            -- The entry, byte for byte, as the array that Redis sent: names and values in turn. NULL: it was deleted.
            fields BLOB,
            reason TEXT NOT NULL,
            message TEXT NOT NULL,
            -- Where it failed.
            stage TEXT NOT NULL,
            -- Of an order that was understood; its units stay sold.
            position INTEGER,
            quantity INTEGER,
            attempts INTEGER NOT NULL DEFAULT 1,
            first_failed_at_ms INTEGER NOT NULL,
            last_failed_at_ms INTEGER NOT NULL,
            worker TEXT NOT NULL,
            release TEXT NOT NULL,
            -- When it was in Redis' dlq stream, and off the pending list.
            moved_at_ms INTEGER,
            -- redriven: it is stored now; discarded: it never will be.
            resolution TEXT CHECK (resolution IN ('redriven', 'discarded')),
            resolved_at_ms INTEGER,
            PRIMARY KEY (sale, stream_id)
        ) STRICT, WITHOUT ROWID;

        -- Entries that are being tried by themselves, as a worker may have died of them: by which owner of the file.
        CREATE TABLE trials (
            sale TEXT NOT NULL,
            stream_id TEXT NOT NULL,
            life TEXT NOT NULL,
            -- Lives that have ended meanwhile, before this one.
            deaths INTEGER NOT NULL,
            PRIMARY KEY (sale, stream_id)
        ) STRICT, WITHOUT ROWID;

        -- Orders that never will be: discarded dead letters. Their units come back by a restock alone.
        CREATE TABLE voids (
            sale TEXT NOT NULL REFERENCES sales (sale),
            position INTEGER NOT NULL,
            quantity INTEGER NOT NULL,
            stream_id TEXT NOT NULL,
            reason TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (sale, position)
        ) STRICT, WITHOUT ROWID;

        CREATE TRIGGER orders_are_not_void BEFORE INSERT ON orders
        WHEN EXISTS (SELECT 1 FROM voids WHERE sale = NEW.sale AND position = NEW.position) BEGIN
            SELECT RAISE (ABORT, 'this order was discarded');
        END;

        -- Changes of the stock, each once.
        CREATE TABLE restocks (
            sale TEXT NOT NULL REFERENCES sales (sale),
            stream_id TEXT NOT NULL,
            units INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (sale, stream_id)
        ) STRICT, WITHOUT ROWID;

        -- How fast it sold: orders and units by the second in which they were won.
        CREATE TABLE sold_per_second (
            sale TEXT NOT NULL REFERENCES sales (sale),
            second INTEGER NOT NULL,
            orders INTEGER NOT NULL,
            units INTEGER NOT NULL,
            PRIMARY KEY (sale, second)
        ) STRICT, WITHOUT ROWID;

        -- What operators did.
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            action TEXT NOT NULL,
            sale TEXT NOT NULL,
            subject TEXT NOT NULL,
            reason TEXT NOT NULL,
            outcome TEXT NOT NULL
        ) STRICT;

        -- Positions that buyers were told of and that neither store has any more; their units are withheld until
        -- released.
        CREATE TABLE losses (
            sale TEXT NOT NULL REFERENCES sales (sale),
            first_position INTEGER NOT NULL,
            last_position INTEGER NOT NULL CHECK (last_position >= first_position),
            units INTEGER NOT NULL CHECK (units >= 0),
            recorded_at_ms INTEGER NOT NULL,
            released_at_ms INTEGER,
            PRIMARY KEY (sale, first_position)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX dead_letters_by_position ON dead_letters (sale, position);
        """,
        """
        -- The entry that had been taken in last when the loss was recorded. Ids order it before its release; times
        -- can't, as the loss has the worker's and the release has Redis'. Losses that are older than this column have
        -- only that time.
        ALTER TABLE losses ADD COLUMN recorded_after TEXT NOT NULL DEFAULT '0-0';
        UPDATE losses SET recorded_after = recorded_at_ms || '-0';
        """,
    ]

    /// The user_version that this release writes and reads.
    static var version: Int { steps.count }

    /// Refuses a file that isn't ours before anything in it is changed. An empty file may become ours.
    static func refuseForeign(_ database: Database) throws(StoreError) {
        if try !isEmpty(database) { try check(database) }
    }

    /// Whether nothing has been made of the file yet.
    static func isEmpty(_ database: Database) throws(StoreError) -> Bool {
        try database.integer("SELECT count(*) FROM sqlite_schema") == 0
    }

    /// Brings a writable database up to date, in one transaction: a reader finds all of it or nothing.
    static func migrate(_ database: Database) throws(StoreError) {
        if try !isEmpty(database), try database.integer("PRAGMA user_version") == version {
            return try check(database)
        }
        try database.transaction { () throws(StoreError) in
            if try isEmpty(database) { try database.execute("PRAGMA application_id = \(applicationID)") }
            try check(database)
            for step in try database.integer("PRAGMA user_version")..<version {
                try database.execute(steps[step])
            }
            try database.execute("PRAGMA user_version = \(version)")
        }
    }

    /// Refuses a file of another program, or of a newer release.
    static func check(_ database: Database) throws(StoreError) {
        guard try database.integer("PRAGMA application_id") == applicationID else {
            throw StoreError(code: 0, operation: "open", message: "it is not a database of this system")
        }
        let found = try database.integer("PRAGMA user_version")
        guard found <= version else {
            throw StoreError(
                code: 0, operation: "open",
                message:
                    "its schema is version \(found), and this release knows up to \(version): use the newer release")
        }
    }
}
