using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.MathVerify.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Verify")]
[assembly: InternalsVisibleTo("Tbrm.Verify.Tests")]
