#if DEBUG
    import Shared

    /// The planted bugs of purchase.lua: its text is changed when it is loaded, so that lua/ has none of them.
    extension PlantedBug {
        /// The text of purchase.lua, with the bug that is planted in it, if any.
        static func planted(in source: [UInt8]) -> [UInt8] {
            guard let bug = allCases.first(where: \.isActive) else { return source }
            var text = String(decoding: source, as: UTF8.self)
            for change in bug.changes {
                guard let place = text.firstRange(of: change.right) else {
                    preconditionFailure("purchase.lua has no \"\(change.right)\" for \(bug.rawValue) to change")
                }
                text.replaceSubrange(place, with: change.wrong)
            }
            return Array(text.utf8)
        }

        /// What purchase.lua says, and what the bug replaces it by.
        private var changes: [(right: String, wrong: String)] {
            switch self {
            case .noFence: [("if serving_run_id ~= run_id then return all('F') end", "")]
            case .noStockCheck:
                [
                    ("if left <= 0 then return 'O' end", ""),
                    ("if quantity > left then return 'I', left end", ""),
                ]
            case .soldOutEarly: [("if left <= 0 then", "if left < 10 then")]
            case .endedEarly: [("if has_ended then return 'E' end", "if has_ended or left < 10 then return 'E' end")]
            case .noLimit: [("if bought + quantity > max_per_buyer then", "if false then")]
            case .takeBeforeChecks:
                [
                    (
                        "codes[i] = code",
                        """
                        codes[i] = code
                        if code ~= 'S' then
                            left = left - quantity
                            redis.call('DECRBY', stock_key, quantity)
                        end
                        """
                    )
                ]
            case .forgetKeys: [("if won_key == key then", "if false then")]
            case .positionByClock:
                [
                    ("position = position + 1", "position = now_ms + #events"),
                    ("'INCRBY', position_key, #events", "'SET', position_key, string.format('%d', position)"),
                ]
            case .countdownPositions: [("position = position + 1", "position = left + 1")]
            case .trimStream: [("'XADD', orders_key, '*'", "'XADD', orders_key, 'MAXLEN', '10', '*'")]
            case .skipWait, .noAOF, .groupFromEnd, .noSetBack, .noAckRead, .acknowledgeBeforeCommit, .overwriteOrders:
                []
            }
        }
    }
#endif
