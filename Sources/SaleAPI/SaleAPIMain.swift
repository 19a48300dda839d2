import EventLoop
import Glibc
import HTTPEdge
import Shared

/// `sale-api`: reads its settings, listens, and runs the loop until it is told to stop.
@main
enum SaleAPIMain {
    private static let help = """
        sale-api: answers purchases over HTTP; Redis decides them.

        usage: sale-api [--help | --version]

        Settings are environment variables:
        \(Setting.table(APIConfiguration.settings))

        SIGTERM, SIGINT: drain for up to SALE_DRAIN_MS, then exit. A second signal finishes in-flight requests only.
        SIGHUP: reread the keys of buyers and receipts.
        Exit codes: 0 stopped, 64 usage, 71 a system call failed, 73 can't listen, 74 the output can't be written, 78 a
        setting is wrong.
        """

    static func main() {
        guard Program.begins("sale-api", help: help) else { return }
        let variables = Program.environment()
        let environment = Environment(variables)
        let configuration: APIConfiguration
        let keys: KeySet
        let receiptKeys: ReceiptKeys?
        do throws(ConfigurationError) {
            configuration = try APIConfiguration(environment)
            keys = try environment.keySet()
            receiptKeys = try environment.receiptKeys()
        } catch {
            fail(error.description, ExitCode.config)
        }
        do throws(SystemError) {
            try run(
                configuration, environment, keys, receiptKeys, Listener.inherited(variables), ServiceManager(variables))
        } catch {
            fail(error.description, ExitCode.osError)
        }
    }

    private static func run(
        _ configuration: APIConfiguration, _ environment: Environment, _ keys: KeySet, _ receiptKeys: ReceiptKeys?,
        _ inherited: Listener?, _ manager: ServiceManager
    ) throws(SystemError) {
        ignoreBrokenPipes()
        // Clients never get the last descriptors: the next connection to Redis needs one.
        let room = Program.raiseDescriptorLimit(to: configuration.maxConnections + ownDescriptors)
        let wanted = configuration.maxConnections
        var configuration = configuration
        configuration.maxConnections = max(1, min(wanted, room - ownDescriptors))
        let loop = try EventLoop()
        let log = Log(program: "sale-api", level: configuration.logLevel)
        let api = SaleAPI(
            configuration, environment: environment, keys: keys, receiptKeys: receiptKeys, loop: loop, log: log,
            manager: manager)
        let signals = try Signals([SIGTERM, SIGINT, SIGHUP], on: loop) { signal in
            if signal == SIGHUP { api.reloadKeys() } else { api.stop() }
        }
        let listener: Listener
        do throws(SystemError) {
            if let inherited { listener = inherited } else { listener = try Listener(configuration.listen) }
        } catch {
            fail("\(Setting.listen.name): \(error)", ExitCode.cantCreate)
        }
        log.write(.info, "start") {
            $0.appendMember("version", Release.version)
            $0.appendMember("listen", inherited == nil ? "\(configuration.listen)" : "inherited")
            $0.appendMember("redis", "\(configuration.redis.location)")
            $0.appendMember("durability", configuration.durability.rawValue)
        }
        if configuration.maxConnections < wanted {
            log.write(.warning, "connections_limited") {
                $0.appendMember("connections", configuration.maxConnections)
                $0.appendMember("descriptors", room)
            }
        }
        log.report(unreadIn: environment)
        log.report(plantedBug: configuration.plantedBug)
        api.start(listener)
        try withExtendedLifetime(signals) { () throws(SystemError) in try loop.run() }
        log.write(.info, "stop")
        log.flush()
    }

    /// Redis, the listener, epoll, timers, signals, stdio, and room for what libraries open.
    private static let ownDescriptors = 32

    private static func fail(_ message: String, _ code: Int32) -> Never { Program.fail("sale-api", message, code) }
}
