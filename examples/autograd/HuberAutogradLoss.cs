using System.Text.Json.Nodes;
using Tbrm.Objectives;
using Tbrm.Objectives.Options;
using Tbrm.Torch;
using TorchSharp;

namespace Example;

/// <summary>Options: their names are the properties' in snake_case.</summary>
public sealed record HuberAutogradOptions
{
    /// <summary>Reward units per nat.</summary>
    public double Beta { get; init; } = 0.002;

    /// <summary>Nats; a residual far above weighs linearly.</summary>
    public double Delta { get; init; } = 50;
}

/// <summary>The loss of examples/objective, TBRM's residual under a smooth Huber loss, without its
/// derivative.</summary>
public sealed class HuberAutogradLoss(JsonObject options) : AutogradObjective
{
    private readonly HuberAutogradOptions _options =
        OptionReader.Read<HuberAutogradOptions>(options, nameof(HuberAutogradLoss));

    /// <inheritdoc/>
    public override Needs Needs => Needs.Logits | Needs.ReferenceLogp;

    /// <inheritdoc/>
    protected override torch.Tensor Loss(torch.Tensor q, torch.Tensor v, torch.Tensor h, ObjectiveTensors batch)
    {
        torch.Tensor ratio = batch.Sum(batch.LogPi(q, v) - batch.RefLogp);
        torch.Tensor f = batch.AtFirst(v) + ratio - batch.Reward / _options.Beta;
        batch.Residual(f);
        double delta = _options.Delta;
        return (batch.Weight * (delta * delta) * ((1 + (f / delta).pow(2)).sqrt() - 1)).sum();
    }
}
