using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Shaping;

/// <summary>A term that is added to a grader's score. Thread-safe and without state.</summary>
public interface IShapingTerm
{
    /// <summary>The name by which configuration selects it.</summary>
    string Name { get; }

    /// <summary>What is added, given the response and its grade.</summary>
    /// <exception cref="ConfigException">The request lacks what the term needs, such as the response's
    /// length.</exception>
    double Shape(GradeRequest request, GradeResult grade);
}
