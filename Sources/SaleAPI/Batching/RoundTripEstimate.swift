/// A lane's recent round trip: the median of the last five, so that one or two slow fsyncs among quick ones refuse
/// nobody, and a disk that has become slow is noticed after three.
struct RoundTripEstimate {
    private var recent: [UInt64] = []
    private var next = 0
    private(set) var nanoseconds: UInt64 = 0

    mutating func record(nanoseconds roundTrip: UInt64) {
        if recent.count < 5 {
            recent.append(roundTrip)
        } else {
            recent[next] = roundTrip
            next = (next + 1) % recent.count
        }
        nanoseconds = recent.sorted()[recent.count / 2]
    }
}
