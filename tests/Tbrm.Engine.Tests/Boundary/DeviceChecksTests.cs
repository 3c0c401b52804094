using System;
using System.IO;
using NUnit.Framework;

namespace Tbrm.Engine.Tests.Boundary;

/// <summary>The start-up check of a device's kernels: once per build and device, and never remembered when it
/// failed.</summary>
public sealed class DeviceChecksTests
{
    private string _folder = "";

    [SetUp]
    public void Choose() => _folder = Path.Combine(Path.GetTempPath(), $"tbrm-checks-{Guid.NewGuid():N}");

    [TearDown]
    public void Remove()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Test]
    public void A_passed_check_is_run_once_for_each_identity()
    {
        int runs = 0;
        foreach (string identity in new[] { "build 1, H100", "build 1, H100", "build 2, H100", "build 1, H100",
            "build 1, H200" })
        {
            new DeviceChecks(_folder).Ensure(identity, () => ++runs);
        }

        Assert.That(runs, Is.EqualTo(3));
    }

    [Test]
    public void A_failed_check_passes_on_and_is_run_again()
    {
        DeviceChecks checks = new(_folder);
        Assert.That(() => checks.Ensure("H100", () => throw new InvalidOperationException("linear_forward is wrong")),
            Throws.InvalidOperationException);
        int runs = 0;
        checks.Ensure("H100", () => ++runs);
        Assert.That(runs, Is.EqualTo(1));
    }

    [Test]
    public void A_folder_that_cannot_be_made_is_no_failure()
    {
        File.WriteAllText(_folder, "a file");
        try
        {
            int runs = 0;
            DeviceChecks checks = new(Path.Combine(_folder, "inside"));
            checks.Ensure("H100", () => ++runs);
            checks.Ensure("H100", () => ++runs);
            Assert.That(runs, Is.EqualTo(2));
        }
        finally
        {
            File.Delete(_folder);
        }
    }

    [Test]
    public void Every_kernel_of_the_cpu_agrees_with_itself()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        Assert.That(device.SelfCheck(), Is.GreaterThan(100));
    }
}
