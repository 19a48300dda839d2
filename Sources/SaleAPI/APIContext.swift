import EventLoop
import RedisClient
import Shared

/// What most parts of the API work with. Made once, when the process starts.
struct APIContext {
    let configuration: APIConfiguration
    let loop: EventLoop
    let redis: AsyncRedis
    let seenSales: SeenSales
    let log: Log
}
