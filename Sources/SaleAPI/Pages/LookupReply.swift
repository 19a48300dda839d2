import RedisClient
import Shared

/// A reply of lookup.lua.
struct LookupReply {
    let code: String
    let persisted: Int
    let wins: [Win]
    let uuid: String
    let pseudonymKey: String
    /// Units left.
    let remaining: Int

    /// nil if the reply does not have the form that lookup.lua promises.
    init?(_ value: RedisValue) {
        guard value.count == 6, let code = value[0].string, let persisted = value[1].integer,
            let text = value[2].string, let wins = Win.parse(text), let uuid = value[3].string,
            let pseudonymKey = value[4].string, let remaining = value[5].integer
        else { return nil }
        self.code = code
        self.persisted = persisted
        self.wins = wins
        self.uuid = uuid
        self.pseudonymKey = pseudonymKey
        self.remaining = remaining
    }
}
