using System.IO;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Tests that have a folder of their own, which goes with them.</summary>
public abstract class FolderTests
{
    /// <summary>The test's folder.</summary>
    protected string Folder { get; private set; } = "";

    [SetUp]
    public void MakeFolder() => Folder = CommandLine.TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => Directory.Delete(Folder, recursive: true);
}
