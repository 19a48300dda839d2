import CLibFuzzer
import Glibc
import Shared

@testable import OrderStore

/// Any bytes as a packed dead letter, and any fields (the bytes between NULs) as an entry of the stream. Whatever is
/// parsed must obey the contract.
let sale = SaleID("demo")!

func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    if let fields = StreamFields(packed: bytes) {
        precondition(fields.packed == bytes, "two texts for the same fields")
    }
    let fields = StreamFields(bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) })
    precondition(StreamFields(packed: fields.packed) == fields, "fields don't come back")
    let entry = StreamEntry(id: String(decoding: bytes.prefix(40), as: UTF8.self), fields: fields)
    _ = StreamID(entry.id)
    if let claim = entry.claim { precondition(claim.position >= 1) }
    do {
        switch try entry.event(of: sale) {
        case .order(let order):
            precondition(order.id.sale == sale && order.id.position >= 1 && order.quantity >= 1)
            precondition(order.buyer.utf8.count <= Limits.buyerBytesMax)
        case .release(let units, _): precondition(units >= 1)
        case .restock(let units, _): precondition(units != 0)
        case .create(let record): check(record.settings.waitingRoom)
        case .set(let change): check(change.waitingRoom)
        case .archive: break
        }
    } catch {}
    return 0
}

/// Whatever schedule is parsed is written as it was read, and its arithmetic doesn't overflow.
func check(_ room: WaitingRoom?) {
    guard let schedule = room?.schedule else { return }
    precondition(AdmissionSchedule(schedule.text) == schedule, "another schedule once it was written")
    for time in [0, 2_000_000_000_000] { precondition(schedule.admitted(at: UnixMilliseconds(time)) >= 0) }
    for position in [1, Limits.ticketPositionMax] { _ = schedule.turn(of: position) }
}

var argc = CommandLine.argc
var argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&argc, &argv, fuzz))
