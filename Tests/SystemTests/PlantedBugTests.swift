#if DEBUG
    import Checker
    import Shared
    import TestSupport
    import Testing

    @Suite struct `A planted bug` {
        @Test(arguments: PlantedBug.allCases)
        func `turns the check red, for the promise that it breaks`(_ bug: PlantedBug) throws {
            let verdict = try bug.schedule.verdict(with: bug)
            #expect(verdict.code == 1, "\(verdict.summary)")
            #expect(verdict.broken.isSuperset(of: bug.breaks.map(\.rawValue)), "\(verdict.summary)")
        }

        @Test(arguments: Schedule.allCases)
        func `is the only reason: without it the same schedule is green`(_ schedule: Schedule) throws {
            let verdict = try schedule.verdict(with: nil)
            #expect(verdict.code == 0, "\(verdict.summary)")
        }

        @Test(arguments: [PlantedBug.noAckRead, .acknowledgeBeforeCommit])
        func `that acknowledges too early is repaired by the next worker, which resets the group`(
            _ bug: PlantedBug
        ) throws {
            let verdict = try Schedule.workerIsKilled.verdict(with: bug)
            #expect(verdict.code == 0, "\(verdict.summary)")
        }

        @Test func `exists for every promise`() {
            #expect(Set(PlantedBug.allCases.flatMap(\.breaks)) == Set(Invariant.allCases))
        }

        @Test func `is logged by every program that has it, and by no other`() throws {
            for bug in [PlantedBug.trimStream, nil] {
                let system = try SaleSystem(apis: 1, bug: bug)
                try system.startWorker()
                let worker = try #require(system.worker)
                #expect(eventually { worker.errors.contains("working") })
                for log in [system.apis[0].errors, worker.errors] {
                    let confession = log.split(separator: "\n").first { $0.contains("planted_bug") }
                    #expect((confession?.contains("\"level\":\"error\"") ?? false) == (bug != nil), "\(log)")
                }
            }
        }

        @Test(arguments: ["sale-api", "sale-worker"])
        func `with an unknown name is a wrong setting`(_ program: String) throws {
            let system = try SaleSystem(apis: 0)
            let result = try ChildProcess.run(
                ChildProcess.product(program), [],
                environment: [
                    "SALE_JWT_JWKS_FILE": system.directory.path("jwks.json"), "SALE_PLANTED_BUG": "no_such_bug",
                ])
            #expect(result.code == 78)
            #expect(result.errors.hasPrefix("\(program): SALE_PLANTED_BUG is \"no_such_bug\""), "\(result.errors)")
        }
    }

    extension PlantedBug {
        /// The fault that makes the bug show.
        fileprivate var schedule: Schedule {
            switch self {
            case .noStockCheck, .soldOutEarly, .endedEarly, .takeBeforeChecks, .forgetKeys, .positionByClock,
                .countdownPositions, .trimStream:
                .workerComesLate
            case .noLimit: .buyerHasKeys
            case .groupFromEnd: .groupIsLost
            case .noAckRead, .acknowledgeBeforeCommit: .databaseIsLocked
            case .noSetBack: .databaseIsOlder
            case .overwriteOrders: .strayOrder
            case .skipWait: .failover
            case .noFence: .redisIsOlder
            case .noAOF: .redisWithoutLog
            }
        }

        /// The promises that the check must report as broken; it may report more.
        fileprivate var breaks: [Invariant] {
            switch self {
            case .skipWait, .noAOF: [.confirmedIsStored]
            case .noFence: [.neverOversold, .confirmedIsStored, .sameAnswerForEver]
            case .noStockCheck: [.neverOversold]
            case .soldOutEarly: [.neverUndersold, .soldOutWhenTrue]
            case .endedEarly: [.neverUndersold, .refusedWhenTrue]
            case .noLimit: [.limitPerBuyer]
            case .takeBeforeChecks: [.neverUndersold, .conservation]
            case .forgetKeys: [.sameAnswerForEver]
            case .positionByClock: [.noGaps]
            case .countdownPositions: [.firstComeFirstServed]
            case .trimStream, .groupFromEnd, .noSetBack, .noAckRead, .acknowledgeBeforeCommit:
                [.confirmedIsStored, .nothingPending]
            case .overwriteOrders: [.confirmedIsStored, .storedWasAsked]
            }
        }
    }
#endif
