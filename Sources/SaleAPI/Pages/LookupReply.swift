import RedisClient
import Shared

/// A reply of lookup.lua.
struct LookupReply {
    let code: String
    let persisted: Int
    let wins: [Win]
    let uuid: String
    let pseudonymKey: String

    /// nil if the reply does not have the form that lookup.lua promises.
    init?(_ value: RedisValue) {
        guard value.count == 5, let code = value[0].string, let persisted = value[1].integer,
            let wins = Win.parse(value[2].string ?? ""), let uuid = value[3].string,
            let pseudonymKey = value[4].string
        else { return nil }
        self.code = code
        self.persisted = persisted
        self.wins = wins
        self.uuid = uuid
        self.pseudonymKey = pseudonymKey
    }
}
