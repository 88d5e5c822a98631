package import BlockingWork

extension BlockingWorkers {
    /// The process's threads for what asks name servers or reads files, for those who bring none of their own. They are
    /// started when they are needed.
    package static let namesAndFiles = BlockingWorkers()
}
