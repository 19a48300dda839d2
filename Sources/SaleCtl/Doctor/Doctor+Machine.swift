import CLinux
import Glibc
import OrderStore
import Shared

/// This machine: its clock, files and disk, and the worker.
extension Doctor {
    /// 10,000 orders take about 5 MB; a gibibyte is room for logs, the WAL and many sales.
    private static let diskFreeMin = 1 << 30

    mutating func examineMachine() {
        clockSource()
        keys()
        operatorToken()
        redisPassword()
        database()
        worker()
    }

    private mutating func clockSource() {
        switch CLinux_clock_synchronised() {
        case 1: add(.ok, "clock", "synchronised")
        case 0: add(.warning, "clock", "not synchronised: run chrony or systemd-timesyncd")
        default: add(.warning, "clock", "the kernel does not say whether it is synchronised")
        }
    }

    private mutating func keys() {
        do throws(ConfigurationError) {
            let path = try context.environment.required(.jwksFile)
            let keys = try context.environment.keySet()
            add(.ok, "keys", "\(keys.keys.count) in \(path)")
            permissions("keys'", path)
        } catch {
            add(.bad, "keys", error.description)
        }
        guard let path = context.environment[.receiptKeyFile] else { return }
        do throws(ConfigurationError) {
            let keys = try context.environment.receiptKeys()
            add(.ok, "receipt keys", "\(keys?.published.count ?? 0) in \(path)")
            permissions("receipt keys'", path)
        } catch {
            add(.bad, "receipt keys", error.description)
        }
    }

    private mutating func operatorToken() {
        guard let path = context.environment[.opsTokenFile] else { return }
        do throws(ConfigurationError) {
            _ = try context.environment.operatorToken()
            add(.ok, "operator token", path)
            permissions("operator token's", path)
        } catch {
            add(.bad, "operator token", error.description)
        }
    }

    /// Whether the password is right has been found by connecting to Redis.
    private mutating func redisPassword() {
        guard let path = context.environment[.redisPasswordFile] else { return }
        permissions("Redis password's", path)
    }

    private mutating func permissions(_ whose: String, _ path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return }
        let open = facts.st_mode & 0o077
        add(
            open == 0 ? .ok : .bad, "\(whose) permissions",
            open == 0 ? "its owner only" : "others may read \(path): chmod 600, and replace what they may have read")
    }

    private mutating func database() {
        let path = context.environment[.database] ?? ""
        let directory = File.directory(of: path)
        if File.exists(path) {
            do throws(StoreError) {
                _ = try StoreReader(path: path)
                add(.ok, "database", path)
            } catch {
                add(.bad, "database", "\(path): \(error.message)")
            }
        } else {
            add(.warning, "database", "\(path) is not there yet: the worker makes it")
        }
        var facts = statvfs()
        guard statvfs(directory, &facts) == 0 else {
            return add(.bad, "disk", "\(directory): \(FileError())")
        }
        let free = Int(facts.f_bavail) * Int(facts.f_frsize)
        add(
            free >= Self.diskFreeMin ? .ok : .bad, "disk",
            "\(free >> 20) MiB free in \(directory), at least \(Self.diskFreeMin >> 20) are needed")
    }

    /// SALE_OPS_LISTEN has a default value, so one of the settings shows that there is a worker to ask: on a machine
    /// without either, whatever listens there is not known to be ours.
    private mutating func worker() {
        let environment = context.environment
        guard environment.isSet(.opsListen) || environment.isSet(.opsTokenFile) else {
            let names = "\(Setting.opsListen.name) and \(Setting.opsTokenFile.name)"
            return add(.ok, "worker", "not checked: neither of \(names) is set")
        }
        do {
            let address = try environment.address(.opsListen)
            let answer = try OperatorClient(address: address, token: "").get("/readyz")
            if answer.status == 200 {
                add(.ok, "worker", "stores orders, says \(address)")
            } else {
                add(.bad, "worker", "\(address) answered \(answer.status): \(answer.sentence)")
            }
        } catch let error as OperatorClient.Failed {
            add(.bad, "worker", "\(error.message) (systemctl start sale-worker)")
        } catch {
            add(.bad, "worker", "\(error)")
        }
    }
}
