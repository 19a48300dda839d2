/// Called when the descriptor that it is registered for is ready.
package protocol EventHandler: AnyObject {
    func ready(_ readiness: Readiness)
}
