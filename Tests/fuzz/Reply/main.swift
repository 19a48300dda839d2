import CHiredis
import CLibFuzzer
import Glibc
import Shared

@testable import RedisClient

/// Any bytes as Redis' reply to purchase.lua, parsed by hiredis and then by us, for as many purchases as the first byte
/// says. If its form is valid, every purchase has a decision or is refused; nothing reads past the end.
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    guard let data, size > 1, !announcesMuch(UnsafeBufferPointer(start: data, count: size)),
        let reader = redisReaderCreate()
    else { return 0 }
    defer { redisReaderFree(reader) }
    let count = Int(data[0] % 16)
    data.withMemoryRebound(to: CChar.self, capacity: size) { _ = redisReaderFeed(reader, $0 + 1, size - 1) }
    var found: UnsafeMutableRawPointer?
    guard redisReaderGetReply(reader, &found) == REDIS_OK, let found else { return 0 }
    let owner = RedisReply(owning: found.assumingMemoryBound(to: redisReply.self))
    let reply = owner.value
    var answer = PurchaseReply()
    guard answer.begin(reply, count: count) else { return 0 }
    _ = answer.turnedAway
    for _ in 0..<count where answer.decision(reply) == nil { break }
    return 0
}

/// Whether an array of 10,000 elements or more is announced. hiredis 0.14 allocates an array's announced size before
/// the elements arrive; a Redis that lies about it can do worse harm, and the fuzzer would find only that, over and
/// over.
func announcesMuch(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var digits: Int?
    for byte in bytes {
        if byte == UInt8(ascii: "*") {
            digits = 0
        } else if let count = digits {
            digits = byte == UInt8(ascii: "\r") ? nil : count + 1
            if count >= 4 { return true }
        }
    }
    return false
}

var argc = CommandLine.argc
var argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&argc, &argv, fuzz))
