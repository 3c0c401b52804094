using System;
using NUnit.Framework;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Tests.Boundary;

public sealed class HandleTests
{
    [Test]
    public void Disposing_frees_the_native_object()
    {
        long before = LibraryLoader.LiveObjects;
        ContextHandle.Create(DeviceKind.Cpu).Dispose();
        Assert.That(LibraryLoader.LiveObjects, Is.EqualTo(before));
    }

    [Test]
    public void A_disposed_handle_is_refused_before_it_reaches_native_code()
    {
        ContextHandle context = ContextHandle.Create(DeviceKind.Cpu);
        context.Dispose();
        Assert.Throws<ObjectDisposedException>(context.Synchronize);
    }

    [Test]
    public void A_native_failure_says_what_and_where()
    {
        TbrmNativeException e =
            Assert.Throws<TbrmNativeException>(() => ContextHandle.Create(DeviceKind.Cpu, threads: -1).Dispose())!;
        Assert.That(e.Status, Is.EqualTo(TbrmStatus.InvalidArgument));
        Assert.That(e.Message, Does.Contain("n_threads is -1").And.Contain(".cpp:"));
    }

    [Test]
    public void The_context_describes_itself_as_json()
    {
        using ContextHandle context = ContextHandle.Create(DeviceKind.Cpu, threads: 2);
        using System.Text.Json.JsonDocument json = System.Text.Json.JsonDocument.Parse(context.Describe());
        Assert.That(json.RootElement.GetProperty("threads").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public void Batch_invariance_can_be_switched()
    {
        using ContextHandle context = ContextHandle.Create(DeviceKind.Cpu, threads: 1);
        Assert.That(() => context.SetBatchInvariant(false), Throws.Nothing);
        Assert.That(() => context.SetBatchInvariant(true), Throws.Nothing);
    }
}
