using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Tbrm.Bench.Torch;

/// <summary>
/// A Qwen2 as one writes it with TorchSharp: eager, <c>scaled_dot_product_attention</c>, <c>log_softmax</c> over the
/// response's rows, autograd, <c>AdamW</c>. The weights are those of a policy, so that both can be held against each
/// other.
/// </summary>
internal sealed class EagerQwen2 : IDisposable
{
    private const double RopeBase = 1e6, Eps = 1e-6;

    private readonly ModelArchitecture _shape;
    private readonly ScalarType _type;
    private readonly bool _isTrained;
    private readonly Dictionary<string, Parameter> _weights = [];
    private readonly Tensor _cos, _sin;

    /// <summary>Copies the policy's weights.</summary>
    public EagerQwen2(Policy policy, int maxPositions, bool isTrained)
    {
        (_shape, _isTrained) = (policy.Architecture, isTrained);
        _type = policy.Options.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        using DisposeScope scope = NewDisposeScope();
        foreach (TensorInfo info in policy.BaseTensors())
        {
            long[] shape = info.Columns == 0 ? [info.Rows] : [info.Rows, info.Columns];
            Parameter weight = new(tensor(policy.ReadTensor(info)).view(shape).to(_type), isTrained);
            weight.DetachFromDisposeScope();
            _weights[info.Name] = weight;
        }

        Tensor frequencies = pow(RopeBase, arange(0, _shape.HeadDim, 2, float32) / -(double)_shape.HeadDim);
        Tensor angles = outer(arange(maxPositions, float32), frequencies);
        Tensor both = cat([angles, angles], -1);
        _cos = both.cos().to(_type).DetachFromDisposeScope();
        _sin = both.sin().to(_type).DetachFromDisposeScope();
    }

    /// <summary>Everything that is trained.</summary>
    public IReadOnlyList<Parameter> Parameters => [.. _weights.Values];

    /// <summary>log pi of the labels, [B, R].</summary>
    /// <param name="ids">[B, T].</param>
    /// <param name="response">R, the last tokens.</param>
    public Tensor LogProbs(Tensor ids, long response)
    {
        long length = ids.shape[1];
        Tensor rows = Hidden(ids, 0, null).narrow(1, length - response - 1, response);
        Tensor labels = ids.narrow(1, length - response, response).unsqueeze(-1);
        return F.log_softmax(Logits(rows).to(float32), -1).gather(-1, labels).squeeze(-1);
    }

    /// <summary>Keys and values of every layer, [B, kv heads, positions, head].</summary>
    public (Tensor Keys, Tensor Values)[] Cache(long batch, long positions) =>
        [.. Enumerable.Range(0, _shape.Layers).Select(_ => (Empty(batch, positions), Empty(batch, positions)))];

    /// <summary>The likeliest next token of each sequence, [B, 1].</summary>
    /// <param name="ids">Tokens that are not in the cache yet, [B, T].</param>
    /// <param name="position">How many are.</param>
    /// <param name="cache">Grows by T.</param>
    public Tensor Next(Tensor ids, long position, (Tensor Keys, Tensor Values)[] cache)
    {
        Tensor hidden = Hidden(ids, position, cache);
        return Logits(hidden.narrow(1, ids.shape[1] - 1, 1)).argmax(-1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Parameter weight in _weights.Values)
        {
            weight.Dispose();
        }

        _cos.Dispose();
        _sin.Dispose();
    }

    private Tensor Empty(long batch, long positions) =>
        zeros(batch, _shape.KeyValueHeads, positions, _shape.HeadDim, dtype: _type);

    private Tensor Hidden(Tensor ids, long position, (Tensor Keys, Tensor Values)[]? cache)
    {
        Tensor x = _weights["model.embed_tokens.weight"].index_select(0, ids.flatten())
            .view(ids.shape[0], ids.shape[1], _shape.HiddenSize);
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            x = Layer(x, $"model.layers.{layer}.", position, cache?[layer]);
        }

        return Norm(x, "model.norm.weight");
    }

    private Tensor Layer(Tensor x, string layer, long position, (Tensor Keys, Tensor Values)? cache)
    {
        long batch = x.shape[0], length = x.shape[1];
        Tensor normed = Norm(x, layer + "input_layernorm.weight");
        Tensor Heads(string name, long heads) => Linear(normed, $"{layer}self_attn.{name}_proj")
            .view(batch, length, heads, _shape.HeadDim).transpose(1, 2);
        Tensor q = Rotated(Heads("q", _shape.Heads), position), k = Rotated(Heads("k", _shape.KeyValueHeads), position),
            v = Heads("v", _shape.KeyValueHeads);
        if (cache is var (keys, values))
        {
            keys.narrow(2, position, length).copy_(k);
            values.narrow(2, position, length).copy_(v);
            (k, v) = (keys.narrow(2, 0, position + length), values.narrow(2, 0, position + length));
        }

        Tensor attended = F.scaled_dot_product_attention(q, PerHead(k), PerHead(v), is_casual: length > 1)
            .transpose(1, 2).reshape(batch, length, _shape.Heads * _shape.HeadDim);
        x = x + Linear(attended, layer + "self_attn.o_proj");
        normed = Norm(x, layer + "post_attention_layernorm.weight");
        Tensor inner = F.silu(Linear(normed, layer + "mlp.gate_proj")) * Linear(normed, layer + "mlp.up_proj");
        return x + Linear(inner, layer + "mlp.down_proj");
    }

    private Tensor PerHead(Tensor x) => x.repeat_interleave(_shape.Heads / _shape.KeyValueHeads, 1);

    private Tensor Linear(Tensor x, string name) =>
        F.linear(x, _weights[name + ".weight"], _weights.GetValueOrDefault(name + ".bias"));

    private Tensor Logits(Tensor hidden) =>
        F.linear(hidden, _weights.GetValueOrDefault("lm_head.weight") ?? _weights["model.embed_tokens.weight"]);

    private Tensor Norm(Tensor x, string name)
    {
        Tensor wide = x.to(float32);
        return (wide * rsqrt(wide.pow(2).mean([-1], keepdim: true) + Eps)).to(_type) * _weights[name];
    }

    private Tensor Rotated(Tensor x, long position)
    {
        Tensor cos = _cos.narrow(0, position, x.shape[2]), sin = _sin.narrow(0, position, x.shape[2]);
        Tensor[] halves = x.chunk(2, -1);
        return x * cos + cat([-halves[1], halves[0]], -1) * sin;
    }
}
