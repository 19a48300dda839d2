// swift-tools-version: 6.2
import PackageDescription

/// How all our Swift targets are compiled.
let settings: [SwiftSetting] = [
    // Nobody reads warnings that stay.
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0480-swiftpm-warning-control.md
    .treatAllWarnings(as: .error),
    // `any` marks boxed types, so that boxing on the hot path shows.
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // An extension member is visible only in files that import its module.
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    // C modules stay out of our interfaces unless an import says otherwise.
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Functions may return a Span into their arguments: hostile bytes are parsed in place, bounds-checked, without a
    // copy or a raw pointer. `@_lifetime` is the only experimental feature we use.
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0447-span-access-shared-contiguous-storage.md
    .enableExperimentalFeature("Lifetimes"),
    // Debug builds, which the tests run, check that no two accesses to a variable overlap if one of them modifies it.
    // In a release these checks would be a sixth of a decision's instructions outside the kernel.
    // https://www.swift.org/blog/swift-5-exclusivity/
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// The scripts of `lua`, without their extension.
let scripts = [
    "acknowledge", "admit", "archive", "control", "create", "deadletter", "erase", "fence", "free", "join", "lease",
    "lookup", "purchase", "queue", "release", "repair", "replace", "restock", "set", "stamp", "status", "witness",
]

let package = Package(
    name: "dealdash-sale",
    products: [
        .executable(name: "sale-api", targets: ["SaleAPI"]),
        .executable(name: "sale-worker", targets: ["SaleWorker"]),
        .executable(name: "salectl", targets: ["SaleCtl"]),
        .executable(name: "stampede", targets: ["Stampede"]),
    ],
    targets: [
        // C, imported
        .systemLibrary(name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),

        // Libraries
        .target(name: "Shared", dependencies: ["CCrypto"], swiftSettings: settings),
        .target(
            name: "LuaScripts", dependencies: ["Shared"], path: "lua", exclude: [".luacheckrc"],
            resources: scripts.map { .embedInCode("\($0).lua") }, swiftSettings: settings),
        .target(name: "EventLoop", dependencies: ["CLinux"], swiftSettings: settings),
        .target(name: "HTTPEdge", dependencies: ["EventLoop", "Shared", "CLinux"], swiftSettings: settings),
        .target(
            name: "RedisClient", dependencies: ["EventLoop", "Shared", "LuaScripts", "CHiredis"],
            swiftSettings: settings),
        .target(name: "OrderStore", dependencies: ["Shared", "CSQLite"], swiftSettings: settings),
        .target(
            name: "Reconciliation", dependencies: ["LuaScripts", "OrderStore", "RedisClient", "Shared"],
            swiftSettings: settings),
        .target(name: "Operations", dependencies: ["OrderStore", "RedisClient", "Shared"], swiftSettings: settings),
        .target(name: "Checker", dependencies: ["OrderStore", "Shared"], swiftSettings: settings),

        // Programs
        .executableTarget(
            name: "SaleAPI", dependencies: ["EventLoop", "HTTPEdge", "LuaScripts", "RedisClient", "Shared"],
            swiftSettings: settings),
        .executableTarget(
            name: "SaleWorker",
            dependencies: [
                "EventLoop", "HTTPEdge", "Operations", "OrderStore", "Reconciliation", "RedisClient", "Shared",
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "SaleCtl",
            dependencies: [
                "Checker", "CLinux", "EventLoop", "Operations", "OrderStore", "Reconciliation", "RedisClient", "Shared",
            ],
            swiftSettings: settings),
        .executableTarget(name: "Stampede", dependencies: ["EventLoop", "Shared"], swiftSettings: settings),

        // Tests
        .target(
            name: "TestSupport", dependencies: ["CLinux", "RedisClient", "Shared"], path: "Tests/TestSupport",
            swiftSettings: settings),
        .testTarget(name: "SharedTests", dependencies: ["Shared", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "HTTPEdgeTests", dependencies: ["EventLoop", "HTTPEdge", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "SaleAPITests",
            dependencies: ["EventLoop", "HTTPEdge", "RedisClient", "SaleAPI", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RedisClientTests",
            dependencies: ["EventLoop", "LuaScripts", "RedisClient", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "OrderStoreTests", dependencies: ["CSQLite", "OrderStore", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ReconciliationTests",
            dependencies: ["OrderStore", "Reconciliation", "RedisClient", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "CheckerTests", dependencies: ["Checker", "OrderStore", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "SaleWorkerTests",
            dependencies: [
                "EventLoop", "LuaScripts", "OrderStore", "RedisClient", "SaleWorker", "Shared", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "OperationsTests", dependencies: ["Operations", "OrderStore", "Shared", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "SaleCtlTests",
            dependencies: [
                "EventLoop", "LuaScripts", "Operations", "OrderStore", "RedisClient", "SaleCtl", "Shared",
                "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "StampedeTests", dependencies: ["EventLoop", "Shared", "Stampede", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "SystemTests", dependencies: ["Checker", "OrderStore", "RedisClient", "Shared", "TestSupport"],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers are in the graph only if script/fuzz asks for them: they link against libFuzzer, which needs every module
// to be compiled for it.
if Context.environment["SALE_FUZZ"] != nil {
    func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(
            name: "Fuzz\(name)", dependencies: dependencies + ["CLibFuzzer", "Shared"], path: "Tests/fuzz/\(name)",
            swiftSettings: settings)
    }
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/fuzz/CLibFuzzer"),
        fuzzer("HTTP", ["HTTPEdge"]),
        fuzzer("Token", []),
        fuzzer("Reply", ["CHiredis", "RedisClient"]),
        fuzzer("Entry", ["OrderStore"]),
    ]
}
