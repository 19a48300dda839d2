extension OrderStore {
    /// Runs `body` in one transaction. If it throws, or `rehearsing` is set, nothing has changed.
    func transaction<R>(rehearsing: Bool = false, _ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        try withMemory(keeping: !rehearsing) { () throws(StoreError) in
            try database.transaction(rehearsing: rehearsing, body)
        }
    }

    /// Runs `body` within the open transaction, so that an error that concerns a row undoes it alone
    /// (`Database.savepoint`).
    func savepoint<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        try withMemory { () throws(StoreError) in try database.savepoint(body) }
    }

    /// What is in memory follows the tables: if `body` was rolled back, the ledger's chain is read again when it is
    /// needed, and what was sold meanwhile is forgotten.
    private func withMemory<R>(keeping: Bool = true, _ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        let soldBefore = soldSeconds
        var isKept = false
        defer {
            if !isKept {
                known = [:]
                soldSeconds = soldBefore
            }
        }
        let result = try body()
        isKept = keeping
        return result
    }
}
