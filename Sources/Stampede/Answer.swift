/// What the answer to a press contains.
struct Answer {
    var status = 0
    /// Range of the last segment of the problem's type, if it is a problem.
    var problem: Range<Int>?
    /// The order's position; 0 if there is none.
    var position = 0
    /// 0 if there is no Retry-After.
    var retryAfterSeconds = 0
    /// Bytes of the whole message.
    var bytes = 0
    var body = 0..<0
    var closes = false
}
