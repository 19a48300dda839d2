import Shared
import Testing

@testable import SaleAPI

@Suite struct `A route` {
    @Test(arguments: [
        ("/livez", Route.live), ("/readyz", .ready), ("/metrics", .metrics), ("/v1/sales", .sales),
        ("/.well-known/jwks.json", .receiptKeys), ("/v1/sales/a-1", .sale(SaleID("a-1")!)),
        ("/v1/sales/a/purchases", .purchases(SaleID("a")!)), ("/v1/sales/a/queue", .queue(SaleID("a")!)),
        ("/v1/sales/a-1/orders/a-1-7", .order(OrderID(sale: SaleID("a-1")!, position: 7))),
    ])
    func `is parsed from its path`(_ path: String, _ route: Route) {
        #expect(path.withBytes { Route(path: $0) } == route)
    }

    @Test(arguments: [
        "", "/", "*", "/livez/", "/v1/sales/", "/v1/sales/A", "/v1/sales//purchases", "/v1/sales/a/purchase",
        "/v1/sales/a/purchasesx", "/v1/sales/a/queue/", "/v1/sales/a/queues", "/v1/sales/a/orders/b-1",
        "/v1/sales/a/orders/a-01", "/v1/sales/%61", "/v1//sales",
        "/.well-known", "/.well-known/", "/.well-known/jwks.json/", "/jwks.json",
    ])
    func `is nil for any other path`(_ path: String) { #expect(path.withBytes { Route(path: $0) } == nil) }
}
