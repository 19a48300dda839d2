/// The environment, read setting by setting.
package struct Environment: Sendable {
    private let values: [String: String]

    package init(_ values: [String: String]) { self.values = values }

    /// The setting's text, or its default value. An empty variable counts as unset.
    package subscript(_ setting: Setting) -> String? {
        if let value = values[setting.name], !value.isEmpty { return value }
        guard case .value(let value) = setting.default else { return nil }
        return value
    }

    /// Whether the variable is there, whatever the default value is.
    package func isSet(_ setting: Setting) -> Bool { values[setting.name]?.isEmpty == false }

    /// The variables that are named like settings and that no program reads, most likely because they are misspelt.
    package var unread: [String] { values.keys.filter { Setting.isUnread($0) }.sorted() }

    /// A setting that must be set or have a default value.
    package func required(_ setting: Setting) throws(ConfigurationError) -> String {
        guard let value = self[setting] else { throw ConfigurationError(setting, "is not set: \(setting.meaning)") }
        return value
    }

    /// A whole number within `range`.
    package func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let text = try required(setting)
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError(
                setting, "is \"\(text)\"; it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// How many replicas WAIT asks for. More than a few would only make waiting likelier.
    package func redisReplicas() throws(ConfigurationError) -> Int { try integer(.redisReplicas, in: 0...5) }

    /// A setting that is on or off.
    package func isOn(_ setting: Setting) throws(ConfigurationError) -> Bool {
        let text = try required(setting)
        guard text == "on" || text == "off" else {
            throw ConfigurationError(setting, "is \"\(text)\"; it must be on or off")
        }
        return text == "on"
    }

    /// Where to listen.
    package func address(_ setting: Setting) throws(ConfigurationError) -> SocketAddress {
        let text = try required(setting)
        guard let address = SocketAddress(text) else {
            throw ConfigurationError(setting, "is \"\(text)\"; it must be host:port or unix:/path")
        }
        return address
    }

    /// The operators' token, from the file that SALE_OPS_TOKEN_FILE names; nil if it is not set.
    package func operatorToken() throws(ConfigurationError) -> [UInt8]? {
        guard let path = self[.opsTokenFile] else { return nil }
        var token = try file(path, of: .opsTokenFile, limit: 1024)
        while let last = token.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { token.removeLast() }
        // 16 random bytes in hexadecimal are the shortest that can't be guessed.
        guard token.count >= 32, token.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ConfigurationError(.opsTokenFile, "names \(path), which is not 32 printable bytes or more")
        }
        return token
    }

    package func logLevel() throws(ConfigurationError) -> Log.Level {
        let text = try required(.logLevel)
        guard let level = Log.Level.allCases.first(where: { "\($0)" == text }) else {
            throw ConfigurationError(.logLevel, "is \"\(text)\"; it must be debug, info, warning or error")
        }
        return level
    }

    /// The buyers' keys, from the file that SALE_JWT_JWKS_FILE names.
    package func keySet() throws(ConfigurationError) -> KeySet {
        let path = try required(.jwksFile)
        let bytes = try file(path, of: .jwksFile, limit: 1 << 20)
        do throws(KeySet.Malformed) {
            return try KeySet(json: bytes.span)
        } catch {
            throw ConfigurationError(.jwksFile, "names \(path), which is not usable: \(error.message)")
        }
    }

    /// The receipt keys, from the file that SALE_RECEIPT_KEY_FILE names; nil if it is not set.
    package func receiptKeys() throws(ConfigurationError) -> ReceiptKeys? {
        guard let path = self[.receiptKeyFile] else { return nil }
        let bytes = try file(path, of: .receiptKeyFile, limit: ReceiptKeys.fileBytesMax)
        do throws(ReceiptKeys.Malformed) {
            return try ReceiptKeys(pem: bytes.span)
        } catch {
            throw ConfigurationError(.receiptKeyFile, "names \(path), which is not usable: \(error.message)")
        }
    }

    /// The contents of the file that a setting names.
    func file(_ path: String, of setting: Setting, limit: Int) throws(ConfigurationError) -> [UInt8] {
        do throws(FileError) {
            return try File.read(path, limit: limit)
        } catch {
            throw ConfigurationError(setting, "names \(path), which can't be read: \(error)")
        }
    }
}

extension Log {
    /// Logs at the start which variables should have been settings.
    package func report(unreadIn environment: Environment) {
        let names = environment.unread
        guard !names.isEmpty else { return }
        write(.warning, "settings_unread") { $0.appendMember("variables", names) }
    }
}
