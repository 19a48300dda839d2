import Glibc
import Shared

extension Command {
    static let keysInit = Command(
        "keys init", "DIR", "Creates the secrets of a new installation; refuses to overwrite any.",
        details: """
            Writes into DIR, which is created if it isn't there; each file is readable by its owner only:
              jwks.json     a key that signs buyers' tokens (SALE_JWT_JWKS_FILE)
              receipt.pem   an Ed25519 key that signs receipts (SALE_RECEIPT_KEY_FILE)
              ops.token     the token of the operators' listener
            """
    ) { line, _ in
        let arguments = try Arguments(line, options: [], words: 1...1)
        let directory = arguments.words[0]
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw CommandFailure("\(directory) can't be made: \(FileError())", ExitCode.cantCreate)
        }
        let files = [
            ("jwks.json", newKeySet()), ("receipt.pem", Ed25519PrivateKey().pem),
            ("ops.token", Base64URL.text(Crypto.randomBytes(32).span) + "\n"),
        ]
        // All or none: a second run must not leave one new file beside old ones.
        for (name, _) in files where File.exists("\(directory)/\(name)") {
            throw CommandFailure("\(directory)/\(name) is there already, and is left as it is", ExitCode.cantCreate)
        }
        var made: [String] = []
        for (name, text) in files {
            let path = "\(directory)/\(name)"
            do throws(FileError) {
                try File.create(path, Array(text.utf8).span, mode: 0o600)
            } catch {
                for path in made { unlink(path) }
                throw CommandFailure("\(path) can't be written: \(error)", ExitCode.cantCreate)
            }
            made.append(path)
        }
        for path in made { Output.line(path) }
        return ExitCode.ok
    }

    /// A key set with one random HS256 key, with a random name so that two sets can be told apart.
    private static func newKeySet() -> String {
        let secret = Base64URL.text(Crypto.randomBytes(KeySet.keyBytesMin).span)
        return """
            {"keys":[{"kty":"oct","alg":"HS256","use":"sig","kid":"\(Crypto.randomHex(4))","k":"\(secret)"}]}

            """
    }

    static let token = Command(
        "token", "--subject S [--count N] [--ttl DURATION]", "Signs tokens for buyers, one a line.",
        details: """
              --subject S      the buyer; with --count the buyers are S1, S2 … SN
              --count N        how many
              --ttl DURATION   how long they are valid (default 1h)

            Signed with the first key of SALE_JWT_JWKS_FILE; aud and iss are SALE_JWT_AUDIENCE and SALE_JWT_ISSUER, if
            set. For trying things out: in production the shop's own login issues tokens.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--subject", "--count", "--ttl"])
        let subject = try arguments.required("--subject")
        let count = try arguments.integer("--count", in: 1...10_000_000)
        let longest = "\(subject)\(count.map(String.init) ?? "")"
        guard !subject.isEmpty, BuyerName.isAccepted(longest) else {
            throw Arguments.UsageError(
                "--subject must be printable ASCII without space, 1 to 128 bytes with its number, and not begin with "
                    + "\(BuyerName.erasedPrefix)")
        }
        let lifeSeconds = max(1, (try arguments.duration("--ttl") ?? 3_600_000) / 1000)
        var mint = TokenMint(
            keys: try context.environment.keySet(), audience: context.environment[.jwtAudience],
            issuer: context.environment[.jwtIssuer])
        let now = UnixMilliseconds.now.value / 1000
        guard let count else {
            Output.line(mint.token(subject: subject, issuedAt: now, expiresAt: now + lifeSeconds))
            return ExitCode.ok
        }
        for number in 1...count {
            let token = mint.token(subject: "\(subject)\(number)", issuedAt: now, expiresAt: now + lifeSeconds)
            guard Output.line(token) else { break }
        }
        return ExitCode.ok
    }
}
