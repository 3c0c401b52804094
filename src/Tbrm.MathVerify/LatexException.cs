using System;

namespace Tbrm.MathVerify;

/// <summary>Text that is not in the grammar's language. Graders take it as "no expression here", never as a failure of
/// their own.</summary>
internal sealed class LatexException(string message) : Exception(message);
