using BenchmarkDotNet.Running;

// Benchmarks of the C# API: dotnet run -c Release --project bench/Tbrm.Bench -- --filter '*'
BenchmarkSwitcher.FromAssembly(typeof(Tbrm.Bench.ObjectiveBench).Assembly).Run(args);
