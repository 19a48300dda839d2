import Shared

/// What the store keeps in memory of a sale that it works on.
final class KnownSale {
    let pseudonym: Pseudonym
    var chain: LedgerChain

    init(pseudonym: Pseudonym, chain: LedgerChain) {
        self.pseudonym = pseudonym
        self.chain = chain
    }
}
