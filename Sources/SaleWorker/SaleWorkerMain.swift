import EventLoop
import Glibc
import HTTPEdge
import OrderStore
import RedisClient
import Shared

/// `sale-worker`: takes the database's lock, and moves orders into the database until it is told to stop.
@main
enum SaleWorkerMain {
    private static let help = """
        sale-worker: moves the orders of all sales from Redis into SQLite, each exactly once in effect.

        usage: sale-worker [--help | --version]

        Everything is set by environment variables:
        \(Setting.table(WorkerConfiguration.settings))

        One worker writes a database; a second one stands by until the first has gone. On SIGTERM and SIGINT it finishes
        the open transaction and stops.
        Exit codes: 0 stopped, 64 usage, 71 a system call failed, 73 can't open the database or listen on an address, or
        the database or its lock was removed or replaced meanwhile, 74 the output can't be written, 78 a setting is
        wrong.
        """

    private static let standbyMilliseconds: Int32 = 200

    static func main() {
        guard Program.begins("sale-worker", help: help) else { return }
        let variables = Program.environment()
        do throws(ConfigurationError) {
            let environment = Environment(variables)
            let configuration = try WorkerConfiguration(environment)
            do throws(SystemError) {
                try run(configuration, environment, ServiceManager(variables))
            } catch {
                fail(error.description, ExitCode.osError)
            }
        } catch {
            fail(error.description, ExitCode.config)
        }
    }

    private static func run(
        _ configuration: WorkerConfiguration, _ environment: Environment, _ manager: ServiceManager
    ) throws(SystemError) {
        ignoreBrokenPipes()
        let log = Log(program: "sale-worker", level: configuration.logLevel)
        let loop = try EventLoop()
        var stopping = false
        let signals = try Signals([SIGTERM, SIGINT], on: loop) { _ in stopping = true }
        try withExtendedLifetime(signals) { () throws(SystemError) in
            log.write(.info, "start") {
                $0.appendMember("version", Release.version)
                $0.appendMember("database", configuration.database)
                $0.appendMember("redis", "\(configuration.redis.location)")
                $0.appendMember("worker", configuration.name)
            }
            log.report(unreadIn: environment)
            log.report(plantedBug: configuration.plantedBug)
            log.flush()
            guard let lock = try takeLock(configuration, manager, log, loop, until: { stopping }) else { return }
            let metrics = WorkerMetrics()
            let store = open(configuration, lock)
            guard let files = identities(configuration) else {
                fail("\(Setting.database.name): \(configuration.database) was removed", ExitCode.cantCreate)
            }
            let worker = Worker(
                configuration, store: store, lease: lease(configuration, files.lock), metrics: metrics, log: log)
            let ops = OperatorService(
                store: reader(configuration), metrics: metrics, token: configuration.operatorToken, loop: loop,
                log: log,
                perform: { try worker.perform($0) })
            try ops.serve(listen(.opsListen, configuration.opsListen))
            let ledger = LedgerService(store: reader(configuration), loop: loop, log: log)
            try ledger.serve(listen(.ledgerListen, configuration.ledgerListen))
            manager.notify(.ready, status: "working")
            log.write(.info, "working")
            var waitMilliseconds = 0
            var nextPing = Instant(nanoseconds: 0)
            while !stopping {
                try loop.pass(waitMilliseconds: Int32(waitMilliseconds))
                if stopping { break }
                // Whoever removes or replaces them makes room for a second worker, and this one would go on writing
                // what nobody reads.
                guard identities(configuration) == files else {
                    fail(
                        "\(Setting.database.name): \(configuration.database) was removed or replaced meanwhile",
                        ExitCode.cantCreate)
                }
                waitMilliseconds = worker.pass(now: loop.now)
                log.flush()
                pingWatchdog(manager, &nextPing, now: loop.now)
            }
            worker.stop()
            withExtendedLifetime((ops, ledger)) {}
        }
        manager.notify(.stopping, status: "stopping")
        log.write(.info, "stop")
        log.flush()
    }

    /// Tells systemd that the worker is alive, as often as its watchdog requires.
    private static func pingWatchdog(_ manager: ServiceManager, _ next: inout Instant, now: Instant) {
        guard let milliseconds = manager.watchdogMilliseconds, now >= next else { return }
        next = now.advanced(milliseconds: milliseconds)
        manager.notifyWatchdog()
    }

    /// Waits for the database's lock; nil if it is told to stop meanwhile.
    private static func takeLock(
        _ configuration: WorkerConfiguration, _ manager: ServiceManager, _ log: Log, _ loop: EventLoop,
        until stopping: () -> Bool
    ) throws(SystemError) -> StoreLock? {
        var isStandingBy = false
        var nextPing = Instant(nanoseconds: 0)
        while !stopping() {
            do throws(FileError) {
                if let lock = try StoreLock.take(for: configuration.database) { return lock }
            } catch {
                fail(
                    "\(Setting.database.name): \(configuration.database).lock can't be locked: \(error)",
                    ExitCode.cantCreate)
            }
            if !isStandingBy {
                isStandingBy = true
                manager.notify(.ready, status: "standing by for the database's lock")
                log.write(.info, "standby") { $0.appendMember("reason", "another worker holds the database's lock") }
                log.flush()
            }
            try loop.pass(waitMilliseconds: standbyMilliseconds)
            pingWatchdog(manager, &nextPing, now: loop.now)
        }
        return nil
    }

    private static func listen(_ setting: Setting, _ address: SocketAddress) -> Listener {
        do throws(SystemError) {
            return try Listener(address)
        } catch {
            fail("\(setting.name): \(error)", ExitCode.cantCreate)
        }
    }

    private static func lease(_ configuration: WorkerConfiguration, _ lock: FileIdentity) -> WorkerLease {
        do throws(FileError) {
            return try WorkerLease(name: configuration.name, lock: lock)
        } catch {
            fail("the kernel's boot_id can't be read: \(error)", ExitCode.osError)
        }
    }

    /// The open database, and its lock.
    private struct Identities: Equatable {
        let database: FileIdentity
        let lock: FileIdentity
    }

    private static func identities(_ configuration: WorkerConfiguration) -> Identities? {
        let path = configuration.database
        guard let database = FileIdentity(path: path), let lock = FileIdentity(path: "\(path).lock") else { return nil }
        return Identities(database: database, lock: lock)
    }

    /// A read-only connection. Each listener has its own.
    private static func reader(_ configuration: WorkerConfiguration) -> StoreReader {
        do throws(StoreError) {
            return try StoreReader(path: configuration.database)
        } catch {
            fail(
                "\(Setting.database.name): \(configuration.database) can't be read: \(error.message)",
                ExitCode.cantCreate)
        }
    }

    private static func open(_ configuration: WorkerConfiguration, _ lock: StoreLock) -> OrderStore {
        let path = configuration.database
        do throws(StoreError) {
            return try OrderStore(path: path, lock: lock, worker: configuration.name)
        } catch {
            fail("\(Setting.database.name): \(path) can't be used: \(error.message)", ExitCode.cantCreate)
        }
    }

    private static func fail(_ message: String, _ code: Int32) -> Never { Program.fail("sale-worker", message, code) }
}
