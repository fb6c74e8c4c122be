# Install the course without a network, on Windows: powershell -ExecutionPolicy Bypass -File install.ps1
# (The mark at the beginning of this file lets Windows PowerShell 5 read the Chinese below.)
$script = Join-Path $PSScriptRoot "install.py"
$candidates = @(@("py", "-@PYTHON@"), @("python"), @("python3"))
foreach ($candidate in $candidates) {
    if (-not (Get-Command $candidate[0] -ErrorAction SilentlyContinue)) { continue }
    $rest = @($candidate | Select-Object -Skip 1)
    $version = & $candidate[0] @rest -c "import sys; print('%d.%d' % sys.version_info[:2])" 2>$null
    if ($version -eq "@PYTHON@") {
        & $candidate[0] @rest $script
        exit $LASTEXITCODE
    }
}
Write-Host "这一包要 Python @PYTHON@（64 位），这台机器上没有找到。装好它，重开终端，再运行一次。"
exit 1
