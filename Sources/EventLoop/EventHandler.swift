/// Is told when the descriptor that it registered is ready.
package protocol EventHandler: AnyObject {
    func ready(_ readiness: Readiness)
}
