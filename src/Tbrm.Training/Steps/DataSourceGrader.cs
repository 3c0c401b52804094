using System;
using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core;
using Tbrm.Verify;

namespace Tbrm.Training;

/// <summary>
/// Chooses the grader of a row: the configured one, or by data source (<c>reward.grader=auto</c>): GSM8K rows by gsm8k, all others by
/// math_verify, hardened against its known false accepts.
/// </summary>
public sealed class DataSourceGrader : IGrader
{
    private const string Automatic = "auto";

    private readonly ConcurrentDictionary<string, IGrader> _graders = new(StringComparer.Ordinal);
    private readonly GraderRegistry _registry = new();
    private readonly string _name;

    /// <summary>A grader by name, or <c>auto</c>.</summary>
    /// <exception cref="ConfigException">There is no such grader.</exception>
    public DataSourceGrader(string name)
    {
        _name = name;
        if (name != Automatic)
        {
            _ = Of(name);
        }
    }

    /// <inheritdoc/>
    public string Name => _name;

    /// <inheritdoc/>
    public Verdict Grade(GradeRequest request, CancellationToken stop) =>
        Of(_name != Automatic ? _name : request.DataSource.Contains("gsm8k", StringComparison.OrdinalIgnoreCase) ? "gsm8k" : "math_verify").Grade(request, stop);

    private IGrader Of(string name) => _graders.GetOrAdd(name, n => _registry.Create(n, n == "math_verify" ? new JsonObject { ["hardened"] = true } : null));
}
