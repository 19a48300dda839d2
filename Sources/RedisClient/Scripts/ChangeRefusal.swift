/// Why a sale was not changed (control.lua, restock.lua, set.lua, admit.lua); nothing was done.
package enum ChangeRefusal: Int, Error, Sendable {
    case unknownSale = 0
    /// This Redis has not been compared with SQLite, or lacks a part of the sale.
    case fenced = -1
    case ended = -2
    /// Its archiving has begun.
    case archived = -3
    /// The sale has opened, and what should change can change only before that.
    case opened = -4
    /// Fewer units are left than the change would take away.
    case tooFew = -5
    /// restock.lua: more units than a sale may have. set.lua: it would close before it opens, or in the past.
    case outOfRange = -6
    /// admit.lua only.
    case noWaitingRoom = -7
    /// admit.lua only: each segment of the schedule has turns that are not over yet.
    case changedTooOften = -8
}
