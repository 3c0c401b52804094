using System;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Objectives;
using Tbrm.Objectives.Checks;
using TorchSharp;
using static TorchSharp.torch;

namespace Tbrm.Torch;

/// <summary>
/// An objective of which only the loss is written: libtorch's autograd differentiates it. It is loaded like any other,
/// <c>algorithm.name=assembly:My.dll#My.Loss</c>. Tensors are fp64 on the CPU and belong to one evaluation: what
/// <see cref="Loss"/> makes is freed when it returns, so nothing may be kept.
/// </summary>
public abstract class AutogradObjective : IObjective
{
    private bool _isChecked;

    /// <inheritdoc/>
    public abstract Needs Needs { get; }

    /// <summary>
    /// The share of a micro-batch in the loss of its mini-batch. Only rows that count are there, of trajectories that
    /// are not dropped: N rows of B trajectories.
    /// </summary>
    /// <param name="q">Q: the logit of the token that was taken, nats, [N].</param>
    /// <param name="v">V: logsumexp of the logits, nats, [N]; log pi = Q - V
    /// (<see cref="ObjectiveTensors.LogPi"/>).</param>
    /// <param name="h">H: entropy, nats, [N]; NaN unless <see cref="Needs"/> has
    /// <see cref="Needs.Entropy"/>.</param>
    /// <param name="batch">Everything that is constant for the gradient.</param>
    /// <returns>A tensor of one number.</returns>
    protected abstract Tensor Loss(Tensor q, Tensor v, Tensor h, ObjectiveTensors batch);

    /// <inheritdoc/>
    public virtual ObjectiveBatch Prepare(ObjectiveBatch whole) => whole;

    /// <inheritdoc/>
    /// <exception cref="ConfigException">libtorch does not load; or, at the first evaluation, the gradient is not that
    /// of the loss, or a rule of objectives is broken.</exception>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        TorchLibrary.Require();
        if (!_isChecked)
        {
            Check();
            _isChecked = true;
        }

        return Compute(batch);
    }

    /// <summary>What <c>tbrm-native objective check</c> asks, on one random batch. A loss that detaches what depends on
    /// q, v or h is the reason of most failures.</summary>
    private void Check()
    {
        CheckResult[] failed = [.. new ObjectiveCheck(new Unchecked(this), batches: 1).Run()
            .Where(c => c.Passed == false)];
        if (failed.Length > 0)
        {
            throw new ConfigException($"{GetType().FullName}: "
                + string.Join("; ", failed.Select(c => $"{c.Name}: {c.Detail}"))
                + ". What is constant for the gradient is read from ConstantQ, ConstantV and ConstantH, not made by "
                + "detach(); means divide by Weight or TokenWeights; tbrm-native objective check says more");
        }
    }

    private ObjectiveResult Compute(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        // Some twenty columns: those of the batch that are gathered, gradients, and what they are copied through.
        return QuietCompute.Run(() => Differentiate(batch), 20L * sizeof(double) * batch.RowCount);
    }

    private ObjectiveResult Differentiate(ObjectiveBatch batch)
    {
        bool isEntropy = Needs.HasFlag(Needs.Entropy);
        ObjectiveResult result = new(batch.RowCount, isEntropy);
        using DisposeScope scope = NewDisposeScope();
        ObjectiveTensors tensors = new(batch, result);
        if (tensors.Rows == 0)
        {
            return result;
        }

        Tensor q = tensors.Of(batch.Q).requires_grad_(), v = tensors.Of(batch.V).requires_grad_();
        Tensor h = isEntropy ? tensors.Of(batch.H).requires_grad_() : full(tensors.Rows, double.NaN, float64);
        Tensor loss = Loss(q, v, h, tensors);
        if (loss is null || loss.numel() != 1 || !loss.requires_grad)
        {
            string found = loss is null ? "null" : loss.numel() != 1 ? $"{loss.numel()} numbers" : "a constant";
            throw new ConfigException(
                $"{GetType().FullName}: expected the loss to be one number that depends on q, v or h, found {found}");
        }

        Tensor[] inputs = isEntropy ? [q, v, h] : [q, v];
        // Every input is in the graph, used or not.
        Tensor none = inputs.Aggregate(zeros([], float64), (sum, x) => sum + (0 * x.sum()));
        Tensor whole = loss.to(float64).reshape([]) + none;
        Tensor[] gradients = [.. autograd.grad([whole], inputs)];
        result.Loss = loss.to(float64).item<double>();
        double[][] columns = isEntropy ? [result.DQ, result.DV, result.DH] : [result.DQ, result.DV];
        for (int k = 0; k < columns.Length; k++)
        {
            tensors.Put(gradients[k], columns[k]);
        }

        return result;
    }

    /// <summary>The objective without the check of its first evaluation.</summary>
    private sealed class Unchecked(AutogradObjective own) : IObjective
    {
        public Needs Needs => own.Needs;

        public ObjectiveBatch Prepare(ObjectiveBatch whole) => own.Prepare(whole);

        public ObjectiveResult Evaluate(ObjectiveBatch batch) => own.Compute(batch);
    }
}
