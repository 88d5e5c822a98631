package import BlockingWork

extension BlockingWorkers {
    /// The process's shared threads for name servers and files. They are
    /// started when needed.
    package static let namesAndFiles = BlockingWorkers()
}
