using NUnit.Framework;

// Most of these tests wait for a process of their own, in a folder of its own; two at a time keep two cores busy.
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(2)]
