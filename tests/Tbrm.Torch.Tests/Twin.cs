using System;
using Tbrm.Objectives;
using static TorchSharp.torch;

namespace Tbrm.Torch.Tests;

/// <summary>A loss as a function, to be differentiated by autograd.</summary>
internal sealed class Twin(Needs needs, Func<Tensor, Tensor, Tensor, ObjectiveTensors, Tensor> loss,
    IObjective? prepares = null) : AutogradObjective
{
    public override Needs Needs => needs;

    public override ObjectiveBatch Prepare(ObjectiveBatch whole) => prepares?.Prepare(whole) ?? whole;

    protected override Tensor Loss(Tensor q, Tensor v, Tensor h, ObjectiveTensors batch) => loss(q, v, h, batch);
}
