import FuzzTargets
import Testing

/// The rules hold for the seeds. `make fuzz` continues from there.
@Suite struct FuzzTargetTests {
    @Test(arguments: FuzzTarget.allCases)
    func theRulesHoldForTheSeeds(_ target: FuzzTarget) throws {
        let seeds = try target.seeds()
        #expect(seeds.count >= 10)
        for seed in seeds {
            #expect(throws: Never.self, "\(target.rawValue): \(seed)") { try target.check(seed) }
        }
    }

    /// Cut short and with a bit turned over, at every place: what fuzzing does first of all.
    @Test(arguments: FuzzTarget.allCases)
    func theRulesHoldForDamagedSeeds(_ target: FuzzTarget) throws {
        for seed in try target.seeds() where seed.count <= 64 {
            for place in seed.indices {
                var damaged = seed
                damaged[place] ^= 1 << UInt8(place % 8)
                for input in [damaged, Array(seed.prefix(place))] {
                    #expect(throws: Never.self, "\(target.rawValue): \(input)") { try target.check(input) }
                }
            }
        }
    }
}
